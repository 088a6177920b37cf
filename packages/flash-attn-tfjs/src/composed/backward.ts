import * as tf from '@tensorflow/tfjs-core'
import { type Tile, tileVisibility } from '../mask.ts'
import type { Problem } from '../options.ts'
import { blocks, joinRows, takeQueryRows, takeRows } from './layout.ts'
import { tileScores } from './scores.ts'

/** What the forward pass kept. */
export interface Saved {
  readonly query: tf.Tensor
  readonly key: tf.Tensor
  readonly value: tf.Tensor
  readonly out: tf.Tensor
  /** `[B, H, T]` */
  readonly logSumExp: tf.Tensor
}

/** A block of queries with everything the gradient needs of it, heads of a group stacked. */
interface QueryBlock {
  readonly start: number
  readonly size: number
  readonly q: tf.Tensor // [B, K, G·size, D]
  readonly dOut: tf.Tensor
  readonly lse: tf.Tensor // [B, K, G·size, 1]
  readonly delta: tf.Tensor // [B, K, G·size, 1]: Σ_d dOut · out
  dQuery: tf.Tensor
}

/**
 * Gradients by recomputing each tile's weights from the log-sum-exp: `P = exp(S − lse)`, `dV = Pᵀ dO`, `dP = dO Vᵀ`,
 * `dS = P ∘ (dP − δ)` with `δ = Σ_d dO ∘ O`, `dQ = scale · dS K`, `dK = scale · dSᵀ Q` (Dao et al. 2022, algorithm 4).
 * Returns dQuery, dKey, dValue in the shapes of query, key, value.
 */
export function composedBackward(problem: Problem, saved: Saved, dOut: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const { B, T, S, H, K, D } = problem
  return tf.tidy(() => {
    const queries = blocks(T).map(({ start, size }) => queryBlock(problem, saved, dOut, start, size))
    const dKeys: tf.Tensor[] = []
    const dValues: tf.Tensor[] = []
    for (const { start, size } of blocks(S)) {
      const [dKey, dValue] = keyBlockGradients(problem, saved, queries, start, size)
      dKeys.push(dKey)
      dValues.push(dValue)
    }
    const dQueries = queries.map(({ dQuery }) => dQuery)
    return [joinRows(B, H, D, dQueries), joinRows(B, K, D, dKeys), joinRows(B, K, D, dValues)]
  })
}

function queryBlock(problem: Problem, { query, out, logSumExp }: Saved, dOut: tf.Tensor, start: number, size: number): QueryBlock {
  const { B, H, K, G } = problem
  return tf.tidy(() => {
    const q = takeQueryRows(problem, query, start, size)
    const d = takeQueryRows(problem, dOut, start, size)
    const lse = tf.reshape(tf.slice(logSumExp, [0, 0, start], [B, H, size]), [B, K, G * size, 1])
    const delta = tf.sum(tf.mul(d, takeQueryRows(problem, out, start, size)), -1, true)
    return { start, size, q, dOut: d, lse, delta, dQuery: tf.zerosLike(q) }
  })
}

function keyBlockGradients(
  problem: Problem,
  { key, value }: Saved,
  queries: QueryBlock[],
  k0: number,
  numK: number,
): [dKey: tf.Tensor, dValue: tf.Tensor] {
  const k = takeRows(key, k0, numK)
  const v = takeRows(value, k0, numK)
  let dKey: tf.Tensor = tf.zerosLike(k)
  let dValue: tf.Tensor = tf.zerosLike(v)
  for (const block of queries) {
    const tile: Tile = { q0: block.start, numQ: block.size, k0, numK }
    if (tileVisibility(problem, tile) === 'none') continue
    const old = [dKey, dValue, block.dQuery]
    ;[dKey, dValue, block.dQuery] = tf.tidy(() => {
      const [dq, dk, dv] = tileGradients(problem, block, k, v, tile)
      return [tf.add(dKey, dk), tf.add(dValue, dv), tf.add(block.dQuery, dq)]
    })
    tf.dispose(old)
  }
  tf.dispose([k, v])
  return [dKey, dValue]
}

function tileGradients(
  problem: Problem,
  { q, dOut, lse, delta }: QueryBlock,
  k: tf.Tensor,
  v: tf.Tensor,
  tile: Tile,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const { scale, softcap } = problem
  const scores = tileScores(problem, q, k, tile)
  const weights = tf.exp(tf.sub(scores, lse))
  let dScores: tf.Tensor = tf.mul(weights, tf.mul(tf.sub(tf.matMul(dOut, v, false, true), delta), scale))
  if (softcap > 0) {
    // d tanh: 1 − (score / softcap)²; hidden scores have weight 0, their huge value must not become 0 · ∞
    const ratio = tf.div(tf.maximum(scores, -softcap), softcap)
    dScores = tf.mul(dScores, tf.sub(1, tf.square(ratio)))
  }
  return [tf.matMul(dScores, k), tf.matMul(dScores, q, true, false), tf.matMul(weights, dOut, true, false)]
}
