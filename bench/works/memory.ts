import { goalOf } from '../goals.ts'
import type { Case } from '../measure.ts'
import { flopsOf, inputOf, type Model, main, nameOf, recipe } from '../models.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const one: Model = { ...main, batchSize: 1, T: 1024 }
const long: Model = { ...recipe, T: 4096 }
const tiny: Model = { ...recipe, T: 64, channels: 32, mlp: 96, layers: 2, vocabulary: 256 }

const recomputed = (model: Model): Case => ({
  name: `gradients, ${nameOf(model)}`,
  work: 'recomputed',
  input: inputOf(model),
  peers: [peer('ours')],
  flops: { kept: flopsOf(model), 'computed again': flopsOf(model) },
})

const heap = (model: Model, steps: number, every?: number): Case => ({
  name: `${steps} steps${every ? ', every layer again' : ''}, ${nameOf(model)}`,
  work: 'heap',
  input: { ...inputOf(model), steps, ...(every ? { activationCheckpointing: { every } } : {}) },
  peers: [peer('ours')],
  flops: { '': flopsOf(model) },
})

const cases = (quick: boolean): Case[] => {
  const models = quick ? [{ ...recipe, T: 512 }] : [one, long]
  return [
    ...models.map(recomputed),
    ...models.flatMap((model) => [heap(model, 2), heap(model, 2, 1)]),
    heap(tiny, 20),
    heap(tiny, quick ? 100 : 2000),
  ]
}

const leastBytes = 2 ** 24 // a plan of less is mostly the kernels' scratch

const percentMore = (value: number) => `${(100 * (1 / value - 1)).toFixed(0)} %`

function goals(rows: readonly Row[]): Goal[] {
  const timeKept = (name: string) => rows.find((row) => row.case === name.replace('computed again', 'kept'))?.milliseconds
  const again = rows.flatMap(({ case: name, milliseconds }) => {
    const kept = name.startsWith('computed again') && timeKept(name)
    return kept && milliseconds ? [{ case: name, value: kept / milliseconds }] : []
  })
  const planned = rows.flatMap(({ case: name, plannedBytes, peakBytes }) =>
    plannedBytes && peakBytes && peakBytes > leastBytes
      ? [{ case: name, value: Math.min(plannedBytes / peakBytes, peakBytes / plannedBytes) }]
      : [],
  )
  const few = rows.find((row) => row.case === `20 steps, ${nameOf(tiny)}`)?.peakBytes
  const many = rows.find((row) => row.case === `2000 steps, ${nameOf(tiny)}`)?.peakBytes
  return [
    goalOf({ goal: 'every layer computed again: ≤ 35 % more time', values: again, atLeast: 1 / 1.35, format: percentMore }),
    goalOf({
      goal: 'memoryPlan within 15 % of the measured peak, from 16 MiB up',
      values: planned,
      atLeast: 1 / 1.15,
      format: percentMore,
    }),
    goalOf({
      goal: 'the peak after 2,000 steps is that after 20',
      values: few && many ? [{ case: nameOf(tiny), value: few / many }] : [],
      atLeast: 1,
      format: percentMore,
    }),
  ]
}

export const memory: Work = {
  name: 'memory',
  about:
    'What training takes of the wasm heap, in tensors and scratch, and what computing every layer again costs: loss and gradients both ways take turns in one process.',
  cases,
  limits: { rounds: 5, turnMs: 1000, spendMs: 15_000, capMs: 150_000 },
  goals,
  tables: [
    { title: 'Most memory', cases: /^(\d+ steps.*)$/, unit: 'MiB' },
    { title: 'Loss and gradients', cases: /^((?:kept|computed again).*)$/, unit: 'ms' },
  ],
}
