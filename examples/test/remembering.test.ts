import { expect, it } from 'vitest'
import { remembering } from '../shared/remembering.ts'

it('computes the losses of a row once, whatever array holds it', async () => {
  const asked: number[][] = []
  const model = remembering({
    async tokenLosses(rows) {
      asked.push(...rows.map((row) => [...row]))
      return rows.map((row) => Float32Array.from(row, (token) => token / 2))
    },
    generate: async () => Int32Array.of(),
  })
  const text = Int32Array.of(7, 1, 2, 300, 4)
  const first = await model.tokenLosses([text.subarray(1, 4), text.subarray(0, 3)])
  const second = await model.tokenLosses([Int32Array.of(4), Int32Array.of(1, 2, 300), text.subarray(0, 2)])
  expect(asked).toEqual([[1, 2, 300], [7, 1, 2], [4], [7, 1]])
  expect(first.map((losses) => [...losses])).toEqual([
    [0.5, 1, 150],
    [3.5, 0.5, 1],
  ])
  expect(second.map((losses) => [...losses])).toEqual([[2], [0.5, 1, 150], [3.5, 0.5]])
})
