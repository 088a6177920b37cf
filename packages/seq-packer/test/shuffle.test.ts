import fc from 'fast-check'
import { mix, pack, shuffle } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documentsOf, plain, stopped, take } from './support.ts'

const items = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }).map((lengths) => documentsOf(lengths))
const window = fc.integer({ min: 1, max: 12 })

describe('shuffle', () => {
  it('keeps every item within its window, loses and doubles none, and depends on nothing but the seed', () => {
    fc.assert(
      fc.property(items, window, fc.integer(), (items, window, seed) => {
        const once = [...shuffle(items, { window, seed })]
        expect([...shuffle(items, { window, seed })]).toEqual(once)
        for (let from = 0; from < items.length; from += window)
          expect(new Set(once.slice(from, from + window))).toEqual(new Set(items.slice(from, from + window)))
        expect(once.length).toBe(items.length)
      }),
    )
  })

  it('brings an item to every place of its window about equally often', () => {
    const counts = [0, 0, 0, 0]
    for (let seed = 0; seed < 4000; seed++)
      counts[[...shuffle(documentsOf([1, 1, 1, 1]), { window: 4, seed })].findIndex(({ id }) => id === 'texts-0')]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(4000 * (1 / 4) * (3 / 4))) // five sigma
  })

  it('restores at any item, in a new stream and in the old one, at the end too', () => {
    fc.assert(
      fc.property(items, window, fc.integer(), fc.nat(45), (items, window, seed, count) => {
        const first = shuffle(items, { window, seed })
        const { state, rest } = stopped(first, count)
        const second = shuffle(items, { window, seed })
        second.restore(state)
        expect(second.state()).toEqual(state)
        expect(take(second, 60)).toEqual(rest)
        expect(second.next().done).toBe(true)
        first.restore(state)
        expect(take(first, 60)).toEqual(rest)
      }),
      { numRuns: 300 },
    )
  })

  it('stands between a mix and pack, and resumes with them', () => {
    const open = () =>
      pack(shuffle(mix({ a: documentsOf([5, 3, 8, 2], 'a') }, { weights: { a: 1 }, seed: 1 }), { window: 7, seed: 2 }), {
        rowLength: 6,
        strategy: 'concat',
      })
    for (const count of [0, 1, 5, 23]) {
      const { state, rest } = stopped(open(), count)
      const again = open()
      again.restore(state)
      expect(take(again, 60).map(plain)).toEqual(rest.map(plain))
    }
  })

  it('names what cannot work', () => {
    expect(() => shuffle([], { window: 0, seed: 1 })).toThrow('shuffle: window is 0; it must be a whole number ≥ 1.')
    expect(() => shuffle([], { window: 1, seed: 0.5 })).toThrow('shuffle: seed is 0.5; it must be a whole number.')
    const { state } = stopped(shuffle(documentsOf([1, 1, 1]), { window: 3, seed: 1 }), 2)
    expect(() => shuffle(documentsOf([1, 1, 1]), { window: 2, seed: 1 }).restore(state)).toThrow(
      'the state was made with window 3, here it is 2.',
    )
    expect(() => shuffle(documentsOf([1, 1]), { window: 3, seed: 1 }).restore(state)).toThrow(
      'the window holds 2 items, the state was made after 2.',
    )
  })
})
