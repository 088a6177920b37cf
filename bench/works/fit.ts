import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Work } from '../work.ts'

const inputs = [
  { model: 'addition-rnn', units: 128, batchSize: 128 },
  { model: 'addition-rnn', units: 512, batchSize: 128 },
  { model: 'text classifier', words: 10_000, units: 128, batchSize: 256 },
] as const

const cases = (quick: boolean): Case[] =>
  (quick ? inputs.slice(0, 1) : inputs).map((input) => ({
    name: `${input.model}, ${input.units} units, batch ${input.batchSize}`,
    work: 'fit',
    input,
    peers: [...both('ours'), peer('stock'), ...both('nodeNaive')],
    flops: { '': 0 },
  }))

export const fit: Work = {
  name: 'fit',
  about:
    '`model.fit`, one batch, of tf.layers models that know nothing of us (`test/support/layers-models.ts`): the recurrent network of tfjs-examples’ addition-rnn, and a classifier of texts with an embedding, whose gradient stock tfjs-wasm gets from us: it has none. Ours is the same program after `registerTrainingKernels()`.',
  cases,
  limits: { rounds: 5, turnMs: 600, spendMs: 8_000, capMs: 60_000 },
  goals: (rows) => [
    goalOf({
      goal: 'faster than stock tfjs-wasm, 1 thread: > 1 ×',
      values: speedups(rows, by('wasm', 'ours', 1), by('wasm', 'stock', 1)),
      atLeast: 1,
      format: times,
    }),
  ],
  tables: [{ title: 'A batch', cases: /^(.*)$/, unit: 'ms' }],
}
