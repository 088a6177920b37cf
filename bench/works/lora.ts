import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { inputOf, type Model, nameOf, smol } from '../models.ts'
import { peer } from '../peers.ts'
import type { Peer, Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const rank = 16

/** tfjs-node as docs/memory.md says. Not PyTorch: it would take more than 24 GiB at 16,384 tokens, and gains 6 % at 4,096. */
const node: Peer = {
  ...peer('nodeOurs', 2),
  environment: { ...peer('nodeOurs', 2).environment, MALLOC_MMAP_THRESHOLD_: '4000000000', MALLOC_TRIM_THRESHOLD_: '100000000000' },
}

/**
 * Four operations a weight and token, for most get no gradient, six of those that learn, and the visible half of attention three and a half
 * times; not what is computed again.
 */
function flopsOf({ batchSize, T, channels: C, mlp, layers, heads, kvHeads, vocabulary }: Model): number {
  const attention = [C + C, C + (C * kvHeads) / heads, C + (C * kvHeads) / heads, C + C]
  const low = rank * attention.reduce((sum, sides) => sum + sides)
  const frozen = 2 * C * C + (2 * C * C * kvHeads) / heads + 3 * C * mlp
  return (4 * layers * frozen + 6 * (layers * low + C * vocabulary)) * batchSize * T + 3.5 * 2 * C * T * T * layers * batchSize
}

const caseOf = (T: number): Case => {
  const model = { ...smol, T }
  return {
    name: nameOf(model),
    work: 'lora',
    input: { ...inputOf(model), rank },
    peers: [peer('fma', 2), peer('ours', 2), node, peer('torchSdpa', 2)],
    flops: { '': flopsOf(model) },
  }
}

function goals(rows: readonly Row[]): Goal[] {
  const long = rows.filter((row) => row.case === nameOf({ ...smol, T: 16_384 }))
  const against = (engine: string, name: string): Goal =>
    goalOf({
      goal: `16,384 tokens, ${engine}, 2 threads: ≥ 0.7 × PyTorch with SDPA`,
      values: speedups(long, by(engine, name, 2), by('PyTorch', 'SDPA', 2)),
      atLeast: 0.7,
      format: times,
    })
  const peaks = long.filter(by('wasm', 'ours', 2)).flatMap(({ case: name, peakBytes }) => (peakBytes === null ? [] : [{ name, peakBytes }]))
  return [
    against('wasm', 'ours'),
    against('tfjs-node', 'ours'),
    goalOf({
      goal: '16,384 tokens on wasm: < 4 GiB of tensors and scratch',
      values: peaks.map(({ name, peakBytes }) => ({ case: name, value: -peakBytes })),
      atLeast: -(2 ** 32),
      format: (value) => `${(-value / 2 ** 30).toFixed(2)} GiB`,
    }),
  ]
}

export const lora: Work = {
  name: 'lora',
  about:
    'A step of `pnpm extend` on a Llama of 135M parameters: low-rank updates of attention, norms and embeddings learn, every layer is computed again for its gradient, one row. On tfjs-node with our native attention. PyTorch: the same, eager, its checkpointing for every layer, and for the output layer by 2,048 tokens. tfjs-node with the environment of docs/memory.md, PyTorch without: it would not fit 24 GiB.',
  cases: (quick) => [512, ...(quick ? [] : [16_384])].map(caseOf),
  limits: { rounds: 1, turnMs: 1000, spendMs: 15_000, capMs: 1_200_000 },
  goals,
  tables: [
    { title: 'Step', cases: /^(\d+ × \d+ tokens.*)$/, unit: 'ms' },
    { title: 'Most memory', cases: /^(\d+ × \d+ tokens.*)$/, unit: 'MiB' },
  ],
}
