import {
  constant,
  cosine,
  cosineRestarts,
  inverseSquareRoot,
  join,
  linear,
  llama2Long,
  type Schedule,
  warmupStableDecay,
} from 'cosine-schedule'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const run = fc
  .record({
    peak: fc.double({ min: 1e-8, max: 10, noNaN: true }),
    floorFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    totalSteps: fc.integer({ min: 1, max: 300 }),
    warmupFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    decayFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    numCycles: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ peak, floorFraction, totalSteps, warmupFraction, decayFraction, numCycles }) => {
    const warmupSteps = Math.floor(warmupFraction * totalSteps)
    const decaySteps = Math.floor(decayFraction * (totalSteps - warmupSteps))
    return { peak, floor: floorFraction * peak, totalSteps, warmupSteps, decaySteps, numCycles }
  })
type Run = typeof run extends fc.Arbitrary<infer Value> ? Value : never

const decays: Record<string, (options: Run) => Schedule> = {
  cosine,
  linear,
  cosineRestarts,
  warmupStableDecay,
  'warmupStableDecay cosine': (options) => warmupStableDecay({ ...options, decay: 'cosine' }),
  'warmupStableDecay 1-sqrt': (options) => warmupStableDecay({ ...options, decay: '1-sqrt' }),
}
// floor + (peak − floor)·r rounds three times
const roundings = (peak: number) => 4 * Number.EPSILON * peak

describe.each(Object.entries(decays))('%s', (_, make) => {
  it('rises straight from 0, stays in [floor, peak], begins at the peak after the warm-up and rests at the floor', () => {
    fc.assert(
      fc.property(run, (options) => {
        const { peak, floor, totalSteps, warmupSteps } = options
        const schedule = make(options)
        for (let step = 0; step < warmupSteps; step++) expect(schedule(step)).toBeCloseTo((peak * step) / warmupSteps, 12)
        if (warmupSteps < totalSteps && options.decaySteps < totalSteps - warmupSteps)
          expect(Math.abs(schedule(warmupSteps) - peak)).toBeLessThanOrEqual(roundings(peak))
        for (let step = warmupSteps; step < totalSteps; step++) {
          expect(schedule(step)).toBeGreaterThanOrEqual(floor - roundings(peak))
          expect(schedule(step)).toBeLessThanOrEqual(peak + roundings(peak))
        }
        for (const step of [totalSteps, totalSteps + 1, 1e9, Number.POSITIVE_INFINITY]) expect(schedule(step)).toBe(floor)
      }),
      { numRuns: 60 },
    )
  })
})

it('every schedule but the restarting one never rises after its warm-up', () => {
  const falling = Object.entries(decays).filter(([name]) => name !== 'cosineRestarts')
  const all = [...falling.map(([, make]) => make), (options: Run) => inverseSquareRoot(options), (options: Run) => constant(options)]
  fc.assert(
    fc.property(run, fc.constantFrom(...all), (options, make) => {
      const schedule = make(options)
      for (let step = options.warmupSteps; step < options.totalSteps + 3; step++)
        expect(schedule(step + 1)).toBeLessThanOrEqual(schedule(step) + roundings(options.peak))
    }),
    { numRuns: 100 },
  )
})

it('cosine and linear do not jump: a step changes the rate by at most its steepest slope', () => {
  fc.assert(
    fc.property(run, fc.constantFrom({ make: cosine, slope: Math.PI / 2 }, { make: linear, slope: 1 }), (options, { make, slope }) => {
      const { peak, floor, warmupSteps, totalSteps } = options
      const schedule = make(options)
      for (let step = warmupSteps; step < totalSteps; step++)
        expect(schedule(step) - schedule(step + 1)).toBeLessThanOrEqual(
          (slope * (peak - floor)) / (totalSteps - warmupSteps) + roundings(peak),
        )
    }),
    { numRuns: 60 },
  )
})

it('cosineRestarts repeats itself, each cycle an own cosine', () => {
  const schedule = cosineRestarts({ peak: 2, totalSteps: 35, warmupSteps: 5, numCycles: 3, floor: 0.5 })
  const cycle = cosine({ peak: 2, totalSteps: 10, floor: 0.5 })
  for (let step = 5; step < 35; step++) expect(schedule(step)).toBe(cycle((step - 5) % 10))
})

it('warmupStableDecay stays at the peak until its last decaySteps', () => {
  const schedule = warmupStableDecay({ peak: 3, totalSteps: 20, warmupSteps: 4, decaySteps: 6 })
  expect([4, 10, 14].map(schedule)).toEqual([3, 3, 3])
  expect([15, 17, 20].map(schedule)).toEqual([3 * (1 - 1 / 6), 1.5, 0])
  const never = warmupStableDecay({ peak: 3, totalSteps: 20, decaySteps: 0, floor: 1 })
  expect([0, 19, 20].map(never)).toEqual([3, 3, 1])
})

it('inverseSquareRoot halves the rate at four times the timescale', () => {
  const schedule = inverseSquareRoot({ peak: 8, warmupSteps: 10 })
  expect([0, 5, 10, 40, 160].map(schedule)).toEqual([0, 4, 8, 4, 2])
  expect(inverseSquareRoot({ peak: 8 })(30_000)).toBe(4)
  expect(inverseSquareRoot({ peak: 8, warmupSteps: 10, timescale: 100 })(310)).toBe(4)
})

it('join hands over at the boundary, to steps counted from it', () => {
  const seen = join([(step) => step, (step) => 100 + step, (step) => 200 + step], [3, 5])
  expect([0, 2, 3, 4, 5, 9].map(seen)).toEqual([0, 2, 100, 101, 200, 204])
  expect(join([(step) => step], [])(7)).toBe(7)
})

it('llama2Long is §2.1 of the paper: 2 000 warm-up steps of 100 000, peak by size', () => {
  for (const [model, peak] of [
    ['7b', 2e-5],
    ['13b', 2e-5],
    ['34b', 1e-5],
    ['70b', 1e-5],
  ] as const) {
    const schedule = llama2Long(model)
    expect(schedule(0)).toBe(0)
    expect(schedule(1_000)).toBeCloseTo(peak / 2, 18)
    expect(schedule(2_000)).toBeCloseTo(peak, 18)
    expect(schedule(51_000)).toBeCloseTo((peak + peak / 10) / 2, 18) // half way down: the mean of peak and floor
    expect(schedule(100_000)).toBe(peak / 10)
  }
})

describe('errors name the value, the rule and the fix', () => {
  const base = { peak: 1, totalSteps: 10 }
  it.each<[string, () => unknown, string]>([
    ['peak 0', () => cosine({ ...base, peak: 0 }), 'cosine: peak is 0; it must be a finite number > 0.'],
    ['peak NaN', () => constant({ peak: Number.NaN }), 'constant: peak is NaN; it must be a finite number > 0.'],
    ['peak infinite', () => linear({ ...base, peak: Number.POSITIVE_INFINITY }), 'linear: peak is Infinity;'],
    ['totalSteps 0', () => cosine({ ...base, totalSteps: 0 }), 'cosine: totalSteps is 0; it must be a whole number ≥ 1.'],
    ['totalSteps missing', () => cosine({ peak: 1 } as never), 'cosine: totalSteps is undefined; it must be a whole number ≥ 1.'],
    ['half a step', () => linear({ ...base, warmupSteps: 0.5 }), 'linear: warmupSteps is 0.5; it must be a whole number ≥ 0.'],
    ['warm-up too long', () => cosine({ ...base, warmupSteps: 11 }), 'cosine: warmupSteps is 11, beyond totalSteps 10, which includes it.'],
    ['floor above peak', () => cosine({ ...base, floor: 2 }), 'cosine: floor is 2; it must lie in [0, peak 1].'],
    ['floor negative', () => linear({ ...base, floor: -1 }), 'linear: floor is -1; it must lie in [0, peak 1].'],
    ['no cycle', () => cosineRestarts({ ...base, numCycles: 0 }), 'cosineRestarts: numCycles is 0; it must be a whole number ≥ 1.'],
    [
      'decay too long',
      () => warmupStableDecay({ ...base, warmupSteps: 5, decaySteps: 6 }),
      'warmupStableDecay: warmupSteps 5 and decaySteps 6 exceed totalSteps 10',
    ],
    [
      'unknown decay',
      () => warmupStableDecay({ ...base, decaySteps: 5, decay: 'sqrt' as never }),
      "warmupStableDecay: decay is 'sqrt'; choose 'linear' (default), 'cosine' or '1-sqrt'.",
    ],
    [
      'timescale 0',
      () => inverseSquareRoot({ peak: 1, timescale: 0 }),
      'inverseSquareRoot: timescale is 0; it must be a whole number ≥ 1.',
    ],
    ['unknown model', () => llama2Long('8b' as never), "llama2Long: model is '8b'; choose '7b', '13b', '34b' or '70b'."],
    ['no schedule', () => join([], []), 'join: 0 schedules and 0 boundaries; give one boundary between each schedule and the next.'],
    ['a boundary too few', () => join([constant(base), constant(base)], []), 'join: 2 schedules and 0 boundaries;'],
    ['boundary 0', () => join([constant(base), constant(base)], [0]), 'join: boundaries[0] is 0; it must be a whole number ≥ 1.'],
    [
      'falling boundaries',
      () => join([constant(base), constant(base), constant(base)], [5, 5]),
      'join: boundaries[1] is 5; it must be a whole number ≥ 6.',
    ],
    ['a number for a schedule', () => join([0.1 as never], []), 'join: schedules[0] is 0.1; it must be a function of the step.'],
    ['a negative step', () => cosine(base)(-1), 'cosine: step is -1; steps count from 0.'],
    ['no step', () => (constant(base) as () => number)(), 'constant: step is undefined; steps count from 0.'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})
