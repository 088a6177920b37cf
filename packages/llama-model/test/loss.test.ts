import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { forward, type LlamaConfig, loss, type Params, tokenLosses } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { type HostParams, lossInFloat64, tokenLossesInFloat64 } from './oracle.ts'
import { batchOf, makeParams, type Rows, smallConfig, tokenIds, valueAndGradients } from './support.ts'

const hostParams = (params: Params): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(params).map(([name, param]) => [name, param.dataSync() as Float32Array]))

/** Rows of packed documents with padding at the end, restarting positions and any weights; each part may be left out. */
const anyRows: fc.Arbitrary<Rows> = fc
  .record({ rows: fc.integer({ min: 1, max: 3 }), length: fc.integer({ min: 1, max: 9 }), parts: fc.constantFrom(0, 1, 2, 3) })
  .chain(({ rows, length, parts }) => {
    const grid = <T>(cell: fc.Arbitrary<T>) =>
      fc.array(fc.array(cell, { minLength: length, maxLength: length }), { minLength: rows, maxLength: rows })
    return fc.record({
      tokens: grid(fc.integer({ min: 0, max: smallConfig.vocabSize - 1 })),
      starts: grid(fc.boolean()),
      padding: fc.integer({ min: 0, max: length - 1 }),
      weights: grid(fc.constantFrom(0, 0.5, 1, 3)),
      parts: fc.constant(parts),
    })
  })
  .map(({ tokens, starts, padding, weights, parts }) => {
    const ids = starts.map((row) => {
      let id = 1
      return row.map((isStart, t) => (t >= row.length - padding ? 0 : isStart && t > 0 ? ++id : id))
    })
    const positions = ids.map((row) => row.map((id, t) => t - row.indexOf(id)))
    return {
      tokens,
      segmentIds: parts > 0 ? ids : undefined,
      positions: parts > 1 ? positions : undefined,
      lossWeights: parts > 2 ? weights : undefined,
    }
  })

describe('float64 loops compute the same', () => {
  const configs: LlamaConfig[] = [
    smallConfig,
    {
      ...smallConfig,
      tieWordEmbeddings: true,
      numKvHeads: 4,
      rope: { headDim: 8, scaling: { kind: 'yarn', factor: 4, originalLength: 8 } },
    },
  ]

  it('losses of any batch, and the slope of the loss along any direction', () => {
    fc.assert(
      fc.property(anyRows, fc.constantFrom(...configs), fc.integer({ min: 1, max: 1000 }), (rows, config, seed) => {
        const params = makeParams(config, seed)
        const host = hostParams(params)
        const batch = batchOf(rows)
        const nll = tokenLosses(params, config, batch)
        // logits of size ten and float32: some ulps of ten
        const expected = tokenLossesInFloat64(host, config, rows)
          .flat()
          .map((x) => (Number.isNaN(x) ? 0 : x))
        expectClose(nll.dataSync(), expected, { atol: 2e-5, rtol: 1e-5 })
        const { value, gradients } = valueAndGradients((own) => loss(own, config, batch), params)
        expectClose([value], [lossInFloat64(host, config, rows)], { atol: 2e-5, rtol: 1e-5 })

        const direction = hostParams(makeParams(config, seed + 1))
        const moved = (step: number): HostParams =>
          Object.fromEntries(
            Object.entries(host).map(([name, x]) => [name, Float64Array.from(x, (v, i) => v + step * direction[name]![i]!)]),
          )
        const step = 1e-5 // error of the central difference about step², of its rounding 1e-16/step
        const slope = (lossInFloat64(moved(step), config, rows) - lossInFloat64(moved(-step), config, rows)) / (2 * step)
        let [along, size] = [0, 0]
        for (const [name, gradient] of Object.entries(gradients)) {
          gradient.forEach((g, i) => {
            along += g * direction[name]![i]!
            size += Math.abs(g * direction[name]![i]!)
          })
        }
        expectClose([along], [slope], { atol: 1e-5 * Math.max(1, size) })
        tf.dispose([params, { ...batch }, nll])
      }),
      { numRuns: 25 },
    )
  })
})

describe('what counts', () => {
  const config = smallConfig
  const tokens = tokenIds(2, 9, config.vocabSize)

  it('forward, tokenLosses and loss agree', () => {
    const params = makeParams(config)
    const batch = batchOf({ tokens })
    tf.tidy(() => {
      const probabilities = tf.softmax(forward(params, config, batch)).arraySync()
      const expected = tokens.map((row, b) => row.map((token, t) => (t === 0 ? 0 : -Math.log(probabilities[b]![t - 1]![token]!))))
      expectClose(tokenLosses(params, config, batch).dataSync(), expected.flat(), { atol: 1e-5, rtol: 1e-5 })
      const mean = expected.flat().reduce((sum, x) => sum + x, 0) / (2 * 8)
      expectClose(loss(params, config, batch).dataSync(), [mean], { rtol: 1e-5 })
    })
    tf.dispose([params, { ...batch }])
  })

  it('a weight belongs to the token that is predicted; the first one counts for nothing', () => {
    const params = makeParams(config)
    const nll = tf.tidy(() => tokenLosses(params, config, batchOf({ tokens })).arraySync())
    const only = (t: number) =>
      tf.tidy(
        () =>
          loss(
            params,
            config,
            batchOf({ tokens, lossWeights: tokens.map((row, b) => row.map((_, i) => (b === 0 && i === t ? 2 : 0))) }),
          ).dataSync()[0]!,
      )
    for (const t of [1, 4, 8]) expectClose([only(t)], [nll[0]![t]!], { rtol: 1e-6 })
    expect(only(0)).toBe(0)
    tf.dispose(params)
  })

  it('padding changes nothing, whatever its tokens are, and gets no gradient', () => {
    const params = makeParams({ ...config, tieWordEmbeddings: false })
    const padded = (filler: number): Rows => ({
      tokens: tokens.map((row) => [...row, filler, filler]),
      segmentIds: tokens.map((row) => [...row.map(() => 3), 0, 0]),
    })
    const of = (rows: Rows) => valueAndGradients((own) => loss(own, config, batchOf(rows)), params)
    const [plain, one, other] = [of({ tokens }), of(padded(0)), of(padded(39))]
    for (const { value, gradients } of [one, other]) {
      expectClose([value], [plain.value], { rtol: 1e-6 })
      for (const [name, gradient] of Object.entries(gradients)) expectClose(gradient, plain.gradients[name]!, { atol: 1e-6, rtol: 1e-5 })
    }
    tf.dispose(params)
  })

  it('nothing to predict: loss 0, gradients 0', () => {
    const params = makeParams(config)
    const unweighted = { tokens, lossWeights: tokens.map((row) => row.map(() => 0)) }
    for (const rows of [unweighted, { tokens: [[5], [6]] }]) {
      const { value, gradients } = valueAndGradients((own) => loss(own, config, batchOf(rows)), params)
      expect(value).toBe(0)
      for (const gradient of Object.values(gradients)) expect(gradient.every((g) => g === 0)).toBe(true)
    }
    tf.dispose(params)
  })

  it('positions shift together without a change: only distances matter', () => {
    const params = makeParams(config)
    const at = (offset: number) =>
      tf.tidy(() => loss(params, config, batchOf({ tokens, positions: tokens.map((row) => row.map((_, t) => t + offset)) })).dataSync())
    expectClose(at(1000), at(0), { rtol: 1e-4 }) // angles of 1000 radians, rounded to float32 after cos and sin
    tf.dispose(params)
  })

  it('rows so long that products are computed twice give the same gradients', () => {
    // 24 · hiddenSize tokens and one more: the switch; an equal number of tokens in two rows stays below it
    const small: LlamaConfig = {
      ...config,
      hiddenSize: 4,
      intermediateSize: 6,
      numHeads: 1,
      numKvHeads: 1,
      headDim: 4,
      rope: { headDim: 4 },
      vocabSize: 11,
    }
    const length = 24 * 4 + 2
    const row = tokenIds(1, length, small.vocabSize)[0]!
    const params = makeParams(small)
    const segmentIds = [row.map((_, t) => (t < length / 2 ? 1 : 2))]
    const long = valueAndGradients((own) => loss(own, small, batchOf({ tokens: [row], segmentIds })), params)
    const halves = [row.slice(0, length / 2), row.slice(length / 2)]
    const short = valueAndGradients((own) => loss(own, small, batchOf({ tokens: halves })), params)
    expectClose([long.value], [short.value], { rtol: 1e-5 })
    for (const [name, gradient] of Object.entries(long.gradients)) expectClose(gradient, short.gradients[name]!, { atol: 1e-6, rtol: 1e-4 })
    tf.dispose(params)
  })
})

describe('memory', () => {
  const config: LlamaConfig = {
    ...smallConfig,
    vocabSize: 1024,
    hiddenSize: 4,
    intermediateSize: 4,
    numLayers: 1,
    numHeads: 1,
    numKvHeads: 1,
    headDim: 4,
    rope: { headDim: 4 },
  }

  it('no tensor stays', () =>
    expectNoLeaks(() => {
      const params = makeParams(smallConfig)
      const batch = batchOf({
        tokens: tokenIds(2, 6, 40),
        segmentIds: [
          [1, 1, 1, 2, 2, 0],
          [1, 1, 1, 1, 1, 1],
        ],
      })
      const before = tf.memory().numTensors
      for (const f of [forward, loss, tokenLosses]) {
        f(params, smallConfig, batch).dispose()
        expect(tf.memory().numTensors).toBe(before)
      }
      const { value, grads } = tf.valueAndGrads((..._: tf.Tensor[]) => loss(params, smallConfig, batch))(Object.values(params))
      expect(tf.memory().numTensors).toBe(before + 1 + grads.length)
      return [params, { ...batch }, value, grads]
    }))

  it('grows by less than half a row of logits per token, forward and backward', async () => {
    const params = makeParams(config)
    const peakOf = async (length: number) => {
      const batch = batchOf({ tokens: tokenIds(1, length, config.vocabSize) })
      const { peakBytes } = await tf.profile(() => {
        const { value, grads } = tf.valueAndGrads((..._: tf.Tensor[]) => loss(params, config, batch))(Object.values(params))
        tf.dispose([value, grads])
      })
      tf.dispose({ ...batch })
      return peakBytes
    }
    const [short, long] = [await peakOf(300), await peakOf(600)]
    expect(long - short).toBeLessThan((300 * config.vocabSize * 4) / 2)
    tf.dispose(params)
  })
})
