import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { flopsOf, inputOf, type Model, main, nameOf, recipe } from '../models.ts'
import { both, peer } from '../peers.ts'
import type { Peer, Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const long: Model = { ...recipe, T: 4096 }
/** As many parameters as @genai-fi/nanogpt has, whose MLP is two matrices of twice the width. */
const short: Model = { ...recipe, T: 128, mlp: 85, kvHeads: 2 }

const stepCase = (model: Model, peers: readonly Peer[]): Case => ({
  name: nameOf(model),
  work: 'adam',
  input: inputOf(model),
  peers,
  flops: { '': flopsOf(model) },
})

const overheadCase = (model: Model): Case => ({
  name: `step, ${nameOf(model)}`,
  work: 'overhead',
  input: inputOf(model),
  peers: [peer('ours')],
  flops: { trainer: flopsOf(model), 'by hand': flopsOf(model) },
})

const cases = (quick: boolean): Case[] => [
  ...(quick ? [{ ...recipe, T: 256 }] : [{ ...recipe, T: 256 }, recipe, { ...main, batchSize: 1 }]).map(overheadCase),
  stepCase(quick ? recipe : main, [...both('fma', 'ours'), peer('stock'), ...both('torchNaive', 'torchSdpa')]),
  stepCase(short, [peer('ours'), peer('nanogpt')]),
  ...(quick ? [] : [stepCase(long, [...both('ours', 'nodeNaive')])]),
]

/** Time by hand over that of trainer, a case each. */
function byHandOver(rows: readonly Row[]) {
  return rows.flatMap(({ case: name, milliseconds }) => {
    const byHand = name.startsWith('trainer') && rows.find((row) => row.case === name.replace('trainer', 'by hand'))?.milliseconds
    return byHand && milliseconds ? [{ case: name, value: byHand / milliseconds }] : []
  })
}

function goals(rows: readonly Row[]): Goal[] {
  const faster = (goal: string, model: Model, engine: string, peer: string, threads: number, atLeast: number): Goal => {
    const own = rows.filter((row) => row.case === nameOf(model))
    return goalOf({ goal, values: speedups(own, by('wasm', 'ours', threads), by(engine, peer, threads)), atLeast, format: times })
  }
  return [
    goalOf({
      goal: "trainer's own work ≤ 2 % of a step",
      values: byHandOver(rows),
      atLeast: 1 / 1.02,
      format: (value) => `${(100 * (1 / value - 1)).toFixed(1)} %`,
    }),
    faster('against tf.train.adam and the naive model on stock tfjs-wasm, 1 thread: ≥ 25 ×', main, 'wasm', 'stock', 1, 25),
    faster("ahead of @genai-fi/nanogpt's model and trainer at equal sizes, 1 thread", short, 'tfjs cpu', '@genai-fi/nanogpt', 1, 1),
    ...[1, 2].flatMap((threads) => [
      faster(`against the same on tfjs-node at T 4,096, ${threads} thread(s): ≥ 2 ×`, long, 'tfjs-node', 'naive', threads, 2),
      faster(`against PyTorch eager with SDPA, ${threads} thread(s): ≥ 0.7 ×`, main, 'PyTorch', 'SDPA', threads, 0.7),
    ]),
  ]
}

export const train: Work = {
  name: 'train',
  about:
    'A step of trainer. By hand: the same loss, gradients, norm, clipping and AdamW without trainer, taking turns with it in one process. Stock and naive: `tf.train.adam` on the naive model, without clipping and decay.',
  cases,
  limits: { rounds: 7, turnMs: 800, spendMs: 15_000, capMs: 150_000 },
  goals,
  tables: [{ title: 'Step', cases: /^(.*tokens.*)$/, unit: 'ms' }],
}
