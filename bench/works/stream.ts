import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import { textsLikePeople, tokenizerPath } from '../texts.ts'
import type { Goal, Work } from '../work.ts'

const rowLength = 16_384
const tokensPerMegabyte = 222_000 // of these texts

function streamed(megabytes: number, repeats: number): Case {
  const input = { path: textsLikePeople(megabytes), tokenizer: tokenizerPath, rowLength, times: repeats }
  const tokens = megabytes * repeats * tokensPerMegabyte
  return {
    name: `${Math.round(tokens / 1e6)} M tokens`,
    work: 'stream',
    input,
    peers: [peer('tokenizer'), peer('datasets')],
    flops: { '': 0 },
    items: tokens,
  }
}

const ours = by('Node', 'ours', 1)

function goals(rows: readonly Row[]): Goal[] {
  return [
    goalOf({
      goal: 'shards to rows: ≥ 200 M tokens/s',
      values: rows.filter(ours).map((row) => ({ case: row.case, value: row.itemsPerSecond ?? Number.NaN })),
      atLeast: 200e6,
      format: (value) => `${(value / 1e6).toFixed(0)} M/s`,
    }),
    goalOf({
      goal: 'shards to rows: as fast as datasets',
      values: speedups(rows, ours, by('Python', 'datasets', 1)),
      atLeast: 1,
      format: times,
    }),
  ]
}

export const stream: Work = {
  name: 'stream',
  about:
    'Token shards on disk to rows of 16,384 tokens, one after the other: `openShards` and `pack` with `concat`, which writes tokens, segments, positions and weights; `datasets` from Arrow mapped into memory, `with_format("numpy")`, 1,000 documents at a time laid end to end, tokens only.',
  cases: (quick) => (quick ? [streamed(5, 4)] : [streamed(100, 4)]),
  limits: { rounds: 5, turnMs: 60, spendMs: 8_000, capMs: 300_000 },
  goals,
  tables: [{ title: 'Streams', cases: /^(.*)$/, unit: 'ms' }],
}
