import { readFileSync } from 'node:fs'
import {
  constant,
  cosine,
  cosineRestarts,
  type DecayOptions,
  inverseSquareRoot,
  join,
  linear,
  type Schedule,
  warmupStableDecay,
} from 'cosine-schedule'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'

const schedules = { constant, cosine, cosineRestarts, inverseSquareRoot, linear, warmupStableDecay }

interface Case {
  reference: string
  schedule: keyof typeof schedules
  options: DecayOptions & { numCycles: number; decaySteps: number }
  since?: number
  rates: number[]
}
interface TorchGolden {
  cases: Case[]
  growingCycles: { peak: number; floor: number; lengths: number[]; rates: number[] }
  sequentialLR: { peak: number; warmupSteps: number; totalSteps: number; rates: number[] }
  missedRestarts: number[]
}
interface OptaxGolden {
  cases: Case[]
  sgdr: { pieces: Case['options'][]; boundaries: number[]; rates: number[] }
}
const read = (name: string) => JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8'))
const torch: TorchGolden = read('torch')
const optax: OptaxGolden = read('optax')

// Both sides are float64, rounded in another order: about ten roundings of 1e-16. PyTorch's closed-form schedulers multiply the previous
// rate on from step to step and gather a few more; near the floor only the absolute error is bounded, relative to the peak.
const rtol = 1e-13

const ratesOf = (schedule: Schedule, { rates, since = 0 }: { rates: number[]; since?: number }) =>
  rates.slice(since).map((_, i) => schedule(since + i))

describe.each([...torch.cases, ...optax.cases])('$schedule $options', ({ reference, schedule, options, since = 0, rates }) => {
  it(`equals ${reference}`, () => {
    expectClose(ratesOf(schedules[schedule](options), { rates, since }), rates.slice(since), { rtol, atol: rtol * options.peak })
  })
})

describe('join', () => {
  it('of cosines equals torch CosineAnnealingWarmRestarts with T_mult = 2', () => {
    const { peak, floor, lengths, rates } = torch.growingCycles
    const cycles = lengths.map((totalSteps) => cosine({ peak, floor, totalSteps }))
    expectClose(ratesOf(join(cycles, [4, 12]), { rates }), rates, { rtol, atol: rtol * peak })
  })

  it('of warm-up and cosine equals torch SequentialLR, and cosine itself', () => {
    const { peak, warmupSteps, totalSteps, rates } = torch.sequentialLR
    const joined = join([constant({ peak, warmupSteps }), cosine({ peak, totalSteps: totalSteps - warmupSteps })], [warmupSteps])
    expectClose(ratesOf(joined, { rates }), rates, { rtol, atol: rtol * peak })
    expect(ratesOf(joined, { rates })).toEqual(ratesOf(cosine({ peak, warmupSteps, totalSteps }), { rates }))
  })

  it('of three cosines with warm-up equals optax sgdr_schedule', () => {
    const { pieces, boundaries, rates } = optax.sgdr
    expectClose(ratesOf(join(pieces.map(cosine), boundaries), { rates }), rates, { rtol, atol: rtol * 1e-3 })
  })
})

it('cosineRestarts restarts on time where transformers, by rounding, comes a step late', () => {
  expect(torch.missedRestarts).toEqual([49, 98])
  for (const numCycles of torch.missedRestarts) {
    const schedule = cosineRestarts({ peak: 1, totalSteps: numCycles, numCycles })
    for (let step = 0; step < numCycles; step++) expect(schedule(step)).toBe(1) // cycles of one step
  }
})
