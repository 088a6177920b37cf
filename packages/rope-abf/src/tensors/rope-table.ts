import * as tf from '@tensorflow/tfjs-core'
import { checkWhole } from '../check.ts'
import { type RopeFrequencies, ropeFrequencies } from '../frequencies.ts'
import type { RopeOptions } from '../rope.ts'

/** `T` (positions 0 … T−1), the positions of T tokens, or an int32 tensor [B, T] (packed rows: positions restart at each segment). */
export type RopePositions = number | Int32Array | readonly number[] | tf.Tensor2D

/** Cosine and sine of every angle, with `attentionFactor` multiplied in. `tf.dispose(table)` frees it. */
export type RopeTable = {
  /** Channels of the heads it is for. */
  readonly headDim: number
  /** [B or 1, T, 1, rotaryDim/2] float32. For xPos with the query's `ζ_j^(n/scaleBase)` multiplied in. */
  readonly cos: tf.Tensor4D
  readonly sin: tf.Tensor4D
  /** Only for xPos: the same for keys, with `ζ_j^(−n/scaleBase)`. */
  readonly key?: { readonly cos: tf.Tensor4D; readonly sin: tf.Tensor4D }
}

function readPositions(positions: RopePositions): { values: ArrayLike<number>; shape: [number, number] } {
  if (typeof positions === 'number') {
    checkWhole('ropeTable', 'positions', positions, 1)
    return { values: Int32Array.from({ length: positions }, (_, t) => t), shape: [1, positions] }
  }
  if (positions instanceof tf.Tensor) {
    if (positions.rank !== 2 || positions.dtype !== 'int32') {
      throw new TypeError(
        `ropeTable: positions is a ${positions.dtype} tensor of shape [${positions.shape}]; it must be int32 [B, T]. ` +
          'Cast it, or pass an Int32Array of length T for positions shared by the batch.',
      )
    }
    return { values: positions.dataSync(), shape: positions.shape }
  }
  return { values: positions, shape: [1, positions.length] }
}

/** The options with `sequenceLength` filled in where the frequencies depend on it and the caller left it open. */
function forSequence(rope: RopeOptions, sequenceLength: number): RopeOptions {
  const { scaling } = rope
  if (scaling?.kind === 'dynamic') return { ...rope, scaling: { sequenceLength, ...scaling } }
  if (scaling?.kind === 'longrope') return { ...rope, scaling: { sequenceLength, ...scaling } }
  return rope
}

/** ζ_j^(position·sign/scaleBase), refused where float32 could not hold it or its inverse. */
function decayAt(xpos: NonNullable<RopeFrequencies['xpos']>, j: number, position: number): number {
  const decay = xpos.zeta[j]! ** (position / xpos.scaleBase)
  if (!(decay > 1e-37 && decay < 1e37)) {
    throw new RangeError(
      `ropeTable: xPos scales position ${position} by ${decay}; float32 cannot hold it and its inverse. ` +
        `Raise scaleBase (${xpos.scaleBase}), or gamma.`,
    )
  }
  return decay
}

/**
 * cos and sin of `position · θ'_j` for every position, times `attentionFactor`: angles, cosines and products in float64 on the host,
 * rounded once to float32.
 *
 * `dynamic` and `longrope` depend on the sequence length: it is the largest position + 1 unless `scaling.sequenceLength` says otherwise.
 * (Fix it yourself when keys are cached, or cached keys and new queries would turn at different speeds.)
 * A positions tensor is read with `dataSync`. The caller disposes the table (`tf.dispose(table)`); nothing is cached.
 *
 * @returns `{ headDim, cos, sin }`, float32 [1, T, 1, rotaryDim/2], or [B, T, 1, rotaryDim/2] for a positions tensor; xPos adds `key`
 * @throws RangeError for an empty list or a position that is not a finite number ≥ 0; TypeError for a tensor that is not int32 [B, T];
 *   whatever `ropeFrequencies` throws
 */
export function ropeTable(rope: RopeOptions, positions: RopePositions): RopeTable {
  const { values, shape } = readPositions(positions)
  if (values.length === 0) throw new RangeError('ropeTable: positions is empty; pass at least one position.')
  let last = 0
  for (let i = 0; i < values.length; i++) {
    checkWhole('ropeTable', `positions[${i}]`, values[i], 0)
    last = Math.max(last, values[i]!)
  }
  const frequencies = ropeFrequencies(forSequence(rope, last + 1))
  const query = fill(frequencies, values, 1)
  const { headDim, rotaryDim, xpos } = frequencies
  const toTensors = ({ cos, sin }: { cos: Float32Array; sin: Float32Array }) => {
    const size: [number, number, number, number] = [...shape, 1, rotaryDim / 2]
    return { cos: tf.tensor4d(cos, size), sin: tf.tensor4d(sin, size) }
  }
  if (!xpos) return { headDim, ...toTensors(query) }
  const key = fill(frequencies, values, -1) // before any tensor exists: it may throw
  return { headDim, ...toTensors(query), key: toTensors(key) }
}

/** Row after row of cosines and sines; a position seen before is copied. */
function fill(frequencies: RopeFrequencies, positions: ArrayLike<number>, sign: 1 | -1): { cos: Float32Array; sin: Float32Array } {
  const { inverseFrequencies, attentionFactor, xpos } = frequencies
  const pairs = inverseFrequencies.length
  const cos = new Float32Array(positions.length * pairs)
  const sin = new Float32Array(positions.length * pairs)
  const seen = new Map<number, number>()
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i]!
    const row = seen.get(position)
    if (row !== undefined) {
      cos.copyWithin(i * pairs, row, row + pairs)
      sin.copyWithin(i * pairs, row, row + pairs)
      continue
    }
    seen.set(position, i * pairs)
    for (let j = 0; j < pairs; j++) {
      const scale = xpos ? attentionFactor * decayAt(xpos, j, sign * position) : attentionFactor
      const angle = position * inverseFrequencies[j]!
      cos[i * pairs + j] = Math.cos(angle) * scale
      sin[i * pairs + j] = Math.sin(angle) * scale
    }
  }
  return { cos, sin }
}
