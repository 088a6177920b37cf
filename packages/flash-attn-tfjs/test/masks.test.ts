import * as tf from '@tensorflow/tfjs-core'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { type Inputs, makeInputs, run, uniform } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { startWasm } from './support/wasm.ts'

const parts = ['out', 'dQuery', 'dKey', 'dValue'] as const
const tolerance = { atol: 1e-5, rtol: 1e-5 } // two orders of the same float32 sums

beforeAll(startWasm)

const engines = {
  'wasm kernels': async () => {
    await tf.setBackend('wasm')
    registerFlashAttention({ threads: 2 })
  },
  'composed on cpu': async () => {
    await tf.setBackend('cpu')
  },
}

describe.each(Object.entries(engines))('%s', (_, start) => {
  beforeEach(start)

  test('packed segments equal the documents run one by one', () => {
    const lengths = [5, 70, 1, 130, 64]
    const length = 300 // 270 positions, 30 of padding
    const [H, K, D] = [4, 2, 8]
    const packed: OracleProblem = { B: 1, T: length, S: length, H, K, D, causal: true, ...sameIds(lengths, length) }
    const inputs = makeInputs(packed, 21)
    const together = run(flashAttention, packed, inputs)
    let start = 0
    for (const size of lengths) {
      const cut = (x: Float32Array, heads: number) => x.slice(start * heads * D, (start + size) * heads * D)
      const own: Inputs = { q: cut(inputs.q, H), k: cut(inputs.k, K), v: cut(inputs.v, K), dOut: cut(inputs.dOut, H) }
      const alone = run(flashAttention, { B: 1, T: size, S: size, H, K, D, causal: true }, own)
      for (const part of parts) {
        const heads = part === 'dKey' || part === 'dValue' ? K : H
        expectClose(cut(together[part], heads), alone[part], tolerance)
      }
      start += size
    }
    for (const part of parts) {
      const heads = part === 'dKey' || part === 'dValue' ? K : H
      expect(together[part].slice(start * heads * D).every((x) => x === 0)).toBe(true)
    }
  })

  test('rows that see no key are 0 and pass no gradient', () => {
    const problem: OracleProblem = {
      ...{ B: 1, T: 70, S: 70, H: 1, K: 1, D: 8, causal: true },
      queryIds: new Int32Array(70).map((_, i) => (i < 10 ? 7 : 1)), // no key of segment 7
      keyIds: new Int32Array(70).fill(1),
    }
    const { out, dQuery } = run(flashAttention, problem, makeInputs(problem, 5))
    expect(out.slice(0, 80)).toEqual(new Float32Array(80))
    expect(dQuery.slice(0, 80)).toEqual(new Float32Array(80))
    expect(out.slice(80).every((x) => x !== 0 && Number.isFinite(x))).toBe(true)
  })

  test('scores that overflow to −∞ hide their keys and make no NaN', () => {
    const problem: OracleProblem = { B: 1, T: 70, S: 70, H: 1, K: 1, D: 8, causal: false }
    const inputs = makeInputs(problem, 5)
    inputs.q.fill(2)
    inputs.k.fill(-3e38, 0, 8 * 20) // keys 0 … 19
    const actual = run(flashAttention, problem, inputs)
    for (const part of parts) expect(actual[part].every(Number.isFinite)).toBe(true)
    const ids = { queryIds: new Int32Array(70).fill(1), keyIds: new Int32Array(70).map((_, j) => (j < 20 ? 2 : 1)) }
    expectClose(
      actual.out,
      run(flashAttention, { ...problem, ...ids }, { ...inputs, k: inputs.k.map((x) => Math.max(x, -1)) }).out,
      tolerance,
    )
    inputs.k.fill(-3e38)
    expect(run(flashAttention, problem, inputs).out.every(Number.isNaN)).toBe(true) // softmax of −∞ only is 0 / 0
  })

  test('every row is a convex combination of the values', () => {
    const problem: OracleProblem = { B: 1, T: 200, S: 230, H: 4, K: 2, D: 8, causal: true }
    const { out } = run(flashAttention, problem, { ...makeInputs(problem, 8, 4), v: new Float32Array(230 * 2 * 8).fill(1) })
    expectClose(out, new Float32Array(out.length).fill(1), { atol: 1e-6 })
  })

  test('a number added to every score changes nothing', () => {
    const problem: OracleProblem = { B: 1, T: 90, S: 90, H: 1, K: 1, D: 8, causal: true, scale: 1 }
    const inputs = makeInputs(problem, 3)
    for (let i = 0; i < 90; i++) inputs.q[i * 8] = 1
    const shifted = { ...inputs, k: inputs.k.map((x, i) => (i % 8 === 0 ? x + 40 : x)) }
    // a score of 40 carries rounding errors of 40 · 6e-8
    expectClose(run(flashAttention, problem, shifted).out, run(flashAttention, problem, inputs).out, { atol: 2e-5 })
  })

  test('gradients of some inputs only, ids freed before the backward pass', () => {
    const [q, k, v] = [1, 2, 3].map((seed) => tf.tensor4d(uniform(seed, 40 * 8), [1, 40, 1, 8])) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
    const value = (attend: typeof attention) => (x: tf.Tensor) =>
      tf.tidy(() => {
        const segmentIds = tf.cast(tf.greater(tf.range(0, 40, 1, 'int32'), 15), 'int32')
        const ids = tf.reshape(tf.add(segmentIds, tf.scalar(1, 'int32')), [1, 40])
        return tf.sum(tf.square(attend(x as tf.Tensor4D, k, v, { causal: true, segmentIds: ids })))
      })
    const actual = tf.grad(value(flashAttention))(q)
    const expected = tf.grad(value(attention))(q)
    expectClose(actual.dataSync(), expected.dataSync(), tolerance)
    tf.dispose([q, k, v, actual, expected])
  })
})

function sameIds(lengths: number[], total: number) {
  const ids = new Int32Array(total)
  let start = 0
  for (const [i, size] of lengths.entries()) {
    ids.fill(i + 1, start, start + size)
    start += size
  }
  return { queryIds: ids, keyIds: ids }
}
