import { curriculumFlops } from 'long-context-eval'
import { type Document, pack, type Row, repack } from 'seq-packer'
import { type BatchStream, curriculum, curriculumBatches, shortThenLong } from 'trainer'
import { describe, expect, it } from 'vitest'
import { numbers } from './support.ts'

describe('curriculum', () => {
  it('cuts the steps by shares, at constant tokens', () => {
    const phases = curriculum({ totalSteps: 100_000, tokensPerBatch: 2 ** 22, phases: shortThenLong(0.4) })
    expect(phases).toEqual([
      { index: 0, sequenceLength: 4096, batchSize: 1024, firstStep: 0, steps: 40_000 },
      { index: 1, sequenceLength: 32_768, batchSize: 128, firstStep: 40_000, steps: 60_000 },
    ])
    const thirds = [1, 2, 4].map((sequenceLength) => ({ sequenceLength, fraction: 1 / 3 }))
    expect(curriculum({ totalSteps: 10, tokensPerBatch: 8, phases: thirds }).map(({ steps }) => steps)).toEqual([3, 4, 3])
  })

  it.each([
    [0, 0],
    [0.2, 10],
    [0.4, 20],
    [0.8, 40],
  ])("the paper's arm that switches at %f saves %i %% of the FLOPs (Table 10)", (switchAt, saved) => {
    const model = { layers: 32, hidden: 4096, tokens: 4.194304e11 }
    const whole = curriculumFlops({ ...model, phases: shortThenLong(0) })
    expect(100 * (1 - curriculumFlops({ ...model, phases: shortThenLong(switchAt) }) / whole)).toBeCloseTo(saved, 0)
  })

  it.each([
    [{ phases: [{ sequenceLength: 8, fraction: 0.5 }] }, 'the fractions of the phases are 0.5; they must be > 0 and add up to 1.'],
    [{ tokensPerBatch: 12 }, 'tokensPerBatch is 12, no multiple of phases[0].sequenceLength 8; the tokens of a step would change.'],
    [{ totalSteps: 0 }, 'totalSteps is 0; it must be a whole number ≥ 1.'],
    [{ totalSteps: 1, phases: shortThenLong(0.1, { short: 8, long: 16 }) }, 'phases[0] has no step of 1; give it a larger fraction'],
  ])('refuses %j', (more, message) =>
    expect(() => curriculum({ totalSteps: 10, tokensPerBatch: 16, phases: [{ sequenceLength: 8, fraction: 1 }], ...more })).toThrow(
      message,
    ),
  )
})

describe('curriculumBatches', () => {
  const random = numbers(2)
  const documents: Document[] = Array.from({ length: 300 }, (_, i) => ({
    ...{ id: `${i}`, source: 's' },
    tokens: Array.from({ length: 1 + Math.floor(20 * (1 + random.next())) }, () => i),
  }))
  const phases = curriculum({ totalSteps: 40, tokensPerBatch: 64, phases: shortThenLong(0.5, { short: 16, long: 64 }) })
  const make = () =>
    curriculumBatches(
      phases,
      ({ sequenceLength, batchSize }, before): BatchStream<Row[]> => {
        const options = { strategy: 'best-fit', rowLength: sequenceLength, openRows: 4 } as const
        const rows = pack(documents, options)
        if (before !== null) rows.restore(repack(before, options))
        const next = (): IteratorResult<Row[], undefined> => {
          const taken = Array.from({ length: batchSize }, () => rows.next().value).filter((row) => row !== undefined)
          return taken.length === 0 ? { done: true, value: undefined } : { done: false, value: taken }
        }
        return { next, state: rows.state, restore: rows.restore }
      },
      { batchesPerStep: 2 },
    )

  it('hands out every token once, across the switch, in rows of the phase', () => {
    const handed = [...make().batches(null)]
    expect(handed.slice(0, 40).every((rows) => rows.every(({ tokens }) => tokens.length === 16))).toBe(true)
    expect(handed.slice(40).every((rows) => rows.every(({ tokens }) => tokens.length === 64))).toBe(true)
    const counts = new Map<number, number>()
    for (const { tokens, segmentIds } of handed.flat())
      tokens.forEach((token, i) => {
        if (segmentIds[i] !== 0) counts.set(token, (counts.get(token) ?? 0) + 1)
      })
    expect(handed.length).toBeGreaterThan(40)
    expect(documents.map((_, i) => counts.get(i))).toEqual(documents.map(({ tokens }) => tokens.length))
  })

  it('goes on from any batch', () => {
    const whole = [...make().batches(null)]
    for (const cut of [1, 17, 39, 40, 41, 60]) {
      const first = make()
      const stream = first.batches(null)
      for (let i = 0; i < cut; i++) stream.next()
      const state = JSON.parse(JSON.stringify(first.data()))
      expect([...make().batches(state)], `from ${cut}`).toEqual(whole.slice(cut))
    }
  })
})
