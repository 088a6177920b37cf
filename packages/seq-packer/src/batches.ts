import * as tf from '@tensorflow/tfjs-core'
import { checkCount } from './check.ts'
import { asResumable, resumable } from './resumable.ts'
import type { AsyncResumable, Resumable, Row } from './types.ts'

/** Rows as tensors `[B, T]`, in the order they came. Belongs to whoever got it, who disposes the four tensors. */
export interface Batch {
  /** int32 */
  readonly tokens: tf.Tensor2D
  /** int32; 0 is padding */
  readonly segmentIds: tf.Tensor2D
  /** int32 */
  readonly positions: tf.Tensor2D
  /** float32 */
  readonly lossWeights: tf.Tensor2D
}

/**
 * Every `batchSize` rows as tensors. The last batch holds the rows that are left, fewer than `batchSize`: none is dropped.
 * Of rows that come later, as those of `prefetch`, the batches come later too.
 * Reads exactly the rows it hands out, never ahead, so `state` (that of `rows`) between two training steps is exact.
 * The caller disposes each batch; the trainer does so by default.
 * @throws RangeError when `batchSize` is no whole number ≥ 1, or when rows differ in length.
 */
export function batches(rows: Iterable<Row>, batchSize: number): Resumable<Batch>
export function batches(rows: AsyncResumable<Row>, batchSize: number): AsyncResumable<Batch>
export function batches(rows: Iterable<Row> | AsyncResumable<Row>, batchSize: number): Resumable<Batch> | AsyncResumable<Batch> {
  checkCount('batches: batchSize', batchSize)
  if (typeof rows === 'object' && rows !== null && Symbol.asyncIterator in rows) return asyncBatches(rows, batchSize)
  const input = asResumable('batches: rows', rows)
  function next(): Batch | undefined {
    const taken: Row[] = []
    while (taken.length < batchSize) {
      const { value, done } = input.next()
      if (done) break
      taken.push(value)
    }
    return taken.length === 0 ? undefined : toTensors(taken)
  }
  return resumable(next, input.state, input.restore)
}

function asyncBatches({ next, state, restore }: AsyncResumable<Row>, batchSize: number): AsyncResumable<Batch> {
  const stream: AsyncResumable<Batch> = {
    async next() {
      const taken: Row[] = []
      while (taken.length < batchSize) {
        const { value, done } = await next()
        if (done) break
        taken.push(value)
      }
      return taken.length === 0 ? { done: true, value: undefined } : { done: false, value: toTensors(taken) }
    },
    [Symbol.asyncIterator]: () => stream,
    state,
    restore,
  }
  return stream
}

function toTensors(rows: readonly Row[]): Batch {
  const rowLength = rows[0]!.tokens.length
  const odd = rows.find(({ tokens }) => tokens.length !== rowLength)
  if (odd)
    throw new RangeError(`batches: rows of ${rowLength} and of ${odd.tokens.length} tokens in one batch. Pack all with one rowLength.`)
  const shape: [number, number] = [rows.length, rowLength]
  const integers = (key: 'tokens' | 'segmentIds' | 'positions'): tf.Tensor2D => {
    const values = new Int32Array(rows.length * rowLength)
    rows.forEach((row, b) => {
      values.set(row[key], b * rowLength)
    })
    return tf.tensor2d(values, shape, 'int32')
  }
  const weights = new Float32Array(rows.length * rowLength)
  rows.forEach((row, b) => {
    weights.set(row.lossWeights, b * rowLength)
  })
  // the tidy frees the first tensors should there be no room for the last
  return tf.tidy(() => ({
    tokens: integers('tokens'),
    segmentIds: integers('segmentIds'),
    positions: integers('positions'),
    lossWeights: tf.tensor2d(weights, shape, 'float32'),
  }))
}
