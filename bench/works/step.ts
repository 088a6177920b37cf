import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { flopsOf, inputOf, type Model, main, nameOf, recipe } from '../models.ts'
import { both, peer } from '../peers.ts'
import type { Peer, Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

/** The recipe's model at its two lengths, and a wider one. */
const small: readonly Model[] = [
  { batchSize: 8, T: 128, channels: 64, mlp: 192, layers: 3, heads: 2, kvHeads: 1, vocabulary: 1024, tied: true },
  recipe,
  { batchSize: 8, T: 256, channels: 128, mlp: 352, layers: 4, heads: 4, kvHeads: 4, vocabulary: 2048, tied: true },
]

const caseOf = (model: Model, peers: readonly Peer[]): Case => ({
  name: nameOf(model),
  work: 'step',
  input: inputOf(model),
  peers,
  flops: { '': flopsOf(model) },
})

const everybody = [...both('fma', 'ours'), peer('stock'), ...both('nodeNaive', 'nodeOurs', 'torchNaive', 'torchSdpa')]
const some = [...both('fma', 'ours'), peer('stock'), ...both('nodeNaive', 'torchSdpa')]
const mainCase = caseOf(main, everybody)

function goals(rows: readonly Row[]): Goal[] {
  const step = rows.filter((row) => row.case === mainCase.name)
  const faster = (goal: string, engine: string, peer: string, threads: number, atLeast: number, theirThreads = threads): Goal =>
    goalOf({ goal, values: speedups(step, by('wasm', 'ours', threads), by(engine, peer, theirThreads)), atLeast, format: times })
  return [
    faster('6.8M-parameter Llama, 4 × 512 tokens, against stock tfjs-wasm, 1 thread: ≥ 25 ×', 'wasm', 'stock', 1, 25),
    faster('… on 2 threads: ≥ 45 ×', 'wasm', 'stock', 2, 45, 1),
    ...[1, 2].flatMap((threads) => [
      faster(`ahead of tfjs-node naive, ${threads} thread(s)`, 'tfjs-node', 'naive', threads, 1),
      faster(`ahead of PyTorch naive, ${threads} thread(s)`, 'PyTorch', 'naive', threads, 1),
    ]),
  ]
}

export const step: Work = {
  name: 'step',
  about:
    'One training step: loss, gradients, clipping to norm 1, AdamW. Ours: llama-model and trainer. Naive and stock: the same Llama as users write it, all scores and all logits, plain ops (`bench/peers/tfjs/naive-llama.ts`, `bench/peers/python/llama.py`, eager). All start from the same weights and have to get the same first loss. Stock tfjs-wasm gets the gradient of `gather` from us: it has none.',
  cases: (quick) => (quick ? [caseOf(small[0]!, everybody)] : [mainCase, ...small.map((model) => caseOf(model, some))]),
  limits: { rounds: 5, turnMs: 600, spendMs: 12_000, capMs: 150_000 },
  goals,
  tables: [
    { title: 'Step', cases: /^(\d+ × \d+ tokens.*)$/, unit: 'tokens/s' },
    { title: 'Step, time', cases: /^(\d+ × \d+ tokens.*)$/, unit: 'ms' },
    { title: 'Step, most memory', cases: /^(4 × 512 tokens.*)$/, unit: 'MiB' },
  ],
}
