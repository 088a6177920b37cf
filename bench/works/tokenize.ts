import { statSync } from 'node:fs'
import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Row } from '../row.ts'
import { textsLikePeople, tokenizerPath } from '../texts.ts'
import type { Goal, Work } from '../work.ts'

const vocabularySize = 32_768

function encoded(megabytes: number): Case {
  const path = textsLikePeople(megabytes)
  const input = { path, tokenizer: tokenizerPath }
  return {
    name: `${megabytes} MB`,
    work: 'tokenize',
    input,
    peers: both('tokenizer', 'tokenizers'),
    flops: { '': 0 },
    items: statSync(path).size,
  }
}

function trained(megabytes: number): Case {
  const path = textsLikePeople(megabytes)
  const input = { path, vocabularySize }
  return { name: `train on ${megabytes} MB`, work: 'bpe', input, peers: [peer('tokenizer'), peer('tokenizers')], flops: { '': 0 } }
}

const isTraining = ({ case: name }: Row) => name.startsWith('train')
const ours = (threads: number) => by('Node', 'ours', threads)

function goals(rows: readonly Row[]): Goal[] {
  const encoding = rows.filter((row) => !isTraining(row))
  const training = rows.filter((row) => isTraining(row) && ours(1)(row))
  return [
    goalOf({
      goal: 'tokenising: ≥ 80 % of Python’s tokenizers, 1 thread each',
      values: speedups(encoding, ours(1), by('Python', 'tokenizers', 1)),
      atLeast: 0.8,
      format: times,
    }),
    goalOf({
      goal: 'tokenising: twice the workers, near twice as fast (≥ 1.6 ×)',
      values: encoding.filter(ours(2)).map(({ case: name, milliseconds }) => ({
        case: name,
        value: (encoding.find((row) => row.case === name && ours(1)(row))?.milliseconds ?? Number.NaN) / (milliseconds ?? Number.NaN),
      })),
      atLeast: 1.6,
      format: times,
    }),
    goalOf({
      goal: 'a vocabulary of 32,768: < 5 minutes for 100 MB',
      values: training.map((row) => ({ case: row.case, value: -(row.milliseconds ?? Number.NaN) })),
      atLeast: -300_000,
      format: (value) => `${(-value / 1000).toFixed(0)} s`,
    }),
    goalOf({
      goal: 'a vocabulary of 32,768: < 2 GB',
      values: training.map((row) => ({ case: row.case, value: -(row.peakBytes ?? Number.NaN) })),
      atLeast: -2e9,
      format: (value) => `${(-value / 1e6).toFixed(0)} MB`,
    }),
  ]
}

export const tokenize: Work = {
  name: 'tokenize',
  about:
    'English text (JSONL) to ids with a byte-level BPE of 32,768 tokens, split as Llama 3 does: `tokenizeToShards` from the file to checked shards on disk, Python’s `tokenizers` with `json.loads`, `encode_batch_fast` and `tofile`. Threads are workers of ours beside the thread that reads and writes; Rust’s in Python. `train`: `trainTokenizer` and `BpeTrainer` on the same texts, which give the same merges.',
  cases: (quick) => (quick ? [encoded(5), trained(5)] : [encoded(100), trained(100)]),
  limits: { rounds: 3, turnMs: 60, spendMs: 30_000, capMs: 300_000 },
  goals,
  tables: [{ title: 'Tokenising', cases: /^(.*)$/, unit: 'ms' }],
}
