import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Work } from '../work.ts'

const sizes = [
  { op: 'rmsNorm', shape: [1024, 2048] },
  { op: 'swiGlu', shape: [1024, 2048] },
  { op: 'linearCrossEntropy', shape: [2048, 128], vocabulary: 2048 },
  { op: 'linearCrossEntropy', shape: [2048, 128], vocabulary: 8192 },
  { op: 'adamwStep', shape: [2000, 2000] },
] as const

const cases = (quick: boolean): Case[] =>
  sizes
    .filter((size) => !quick || !('vocabulary' in size) || size.vocabulary < 8192)
    .map((input) => ({
      name: `${input.op} [${input.shape}]${'vocabulary' in input ? ` V ${input.vocabulary}` : ''}`,
      work: 'kernels',
      input,
      peers: [...both('ours'), peer('stock')],
      flops: { '': 0 },
    }))

export const kernels: Work = {
  name: 'kernels',
  about:
    'The memory-bound pieces of a Llama step, forward and backward: fused on tfjs-wasm by llama-kernels-tfjs, and composed of stock tfjs-wasm’s ops.',
  cases,
  limits: { rounds: 5, turnMs: 150, spendMs: 3_000, capMs: 30_000 },
  goals: (rows) => [
    goalOf({
      goal: 'faster than composed, 1 thread',
      values: speedups(rows, by('wasm', 'ours', 1), by('wasm', 'stock', 1)),
      atLeast: 1,
      format: times,
    }),
  ],
  tables: [{ title: 'Forward + backward', cases: /^(\w+ \[.*)$/, unit: 'ms' }],
}
