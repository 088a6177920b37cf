import * as tf from '@tensorflow/tfjs-core'
import type { Tile } from '../mask.ts'
import type { Problem } from '../options.ts'
import { type Block, joinRows, takeQueryRows, takeRowNumbers, takeRows, tileOf } from './layout.ts'
import { capOf, tileScores, tileVisible, whereVisible } from './scores.ts'
import { type VisibleProduct, visibleProduct } from './visible-product.ts'
import { type Tiles, visibleTiles } from './visible-tiles.ts'

/** What the forward pass kept, and the gradients of its outputs. */
export interface Saved {
  readonly query: tf.Tensor
  readonly key: tf.Tensor
  readonly value: tf.Tensor
  readonly out: tf.Tensor
  readonly logSumExp: tf.Tensor // [B, H, T]
  readonly dOut: tf.Tensor
  readonly dLogSumExp: tf.Tensor // [B, H, T]
}

/** A block of queries with everything the gradient needs of it, heads of a group stacked. */
interface QueryBlock {
  readonly block: Block
  readonly q: tf.Tensor // [B, K, G·size, D]
  readonly dOut: tf.Tensor
  readonly lse: tf.Tensor // [B, K, G·size, 1]
  readonly delta: tf.Tensor // [B, K, G·size, 1]: Σ_d dOut · out − dLogSumExp
  dQuery: tf.Tensor
}

/**
 * Gradients by recomputing each tile's weights from the log-sum-exp: `P = exp(S − lse)`, `dV = Pᵀ dO`, `dP = dO Vᵀ`,
 * `dS = P ∘ (dP − δ)` with `δ = Σ_d dO ∘ O − dLogSumExp`, `dQ = scale · dS K`, `dK = scale · dSᵀ Q` (Dao et al. 2022, algorithm 4).
 * Returns dQuery, dKey, dValue in the shapes of query, key, value.
 */
export function composedBackward(problem: Problem, saved: Saved): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const { B, H, K, D } = problem
  return tf.tidy(() => {
    const tiles = visibleTiles(problem)
    const product = visibleProduct([saved.query, saved.key, saved.dOut])
    const queries = tiles.queries.map((block) => queryBlock(problem, saved, block))
    const dKeys: tf.Tensor[] = []
    const dValues: tf.Tensor[] = []
    for (const block of tiles.keys) {
      const [dKey, dValue] = keyBlockGradients(problem, tiles, product, saved, queries, block)
      dKeys.push(dKey)
      dValues.push(dValue)
    }
    const dQueries = queries.map(({ dQuery }) => dQuery)
    return [joinRows(B, H, D, dQueries), joinRows(B, K, D, dKeys), joinRows(B, K, D, dValues)]
  })
}

function queryBlock(problem: Problem, { query, out, logSumExp, dOut, dLogSumExp }: Saved, block: Block): QueryBlock {
  return tf.tidy(() => {
    const q = takeQueryRows(problem, query, block)
    const d = takeQueryRows(problem, dOut, block)
    const ofOut = tf.sum(tf.mul(d, takeQueryRows(problem, out, block)), -1, true)
    const delta = tf.sub(ofOut, takeRowNumbers(problem, dLogSumExp, block))
    return { block, q, dOut: d, lse: takeRowNumbers(problem, logSumExp, block), delta, dQuery: tf.zerosLike(q) }
  })
}

function keyBlockGradients(
  problem: Problem,
  { visible }: Tiles,
  product: VisibleProduct,
  { key, value }: Saved,
  queries: QueryBlock[],
  keyBlock: Block,
): [dKey: tf.Tensor, dValue: tf.Tensor] {
  const k = takeRows(key, keyBlock)
  const v = takeRows(value, keyBlock)
  let dKey: tf.Tensor = tf.zerosLike(k)
  let dValue: tf.Tensor = tf.zerosLike(v)
  for (const rows of queries) {
    if (!visible(rows.block, keyBlock)) continue
    const old = [dKey, dValue, rows.dQuery]
    ;[dKey, dValue, rows.dQuery] = tf.tidy(() => {
      const [dq, dk, dv] = tileGradients(problem, product, rows, k, v, tileOf(rows.block, keyBlock))
      return [tf.add(dKey, dk), tf.add(dValue, dv), tf.add(rows.dQuery, dq)]
    })
    tf.dispose(old)
  }
  tf.dispose([k, v])
  return [dKey, dValue]
}

function tileGradients(
  problem: Problem,
  product: VisibleProduct,
  { q, dOut, lse, delta }: QueryBlock,
  k: tf.Tensor,
  v: tf.Tensor,
  tile: Tile,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const { scale, softcap } = problem
  const visible = tileVisible(problem, tile)
  const scores = tileScores(problem, visible, q, k)
  const weights = whereVisible(visible, tf.exp(tf.sub(scores, lse))) // lse may be NaN
  let dScores: tf.Tensor = tf.mul(weights, tf.mul(tf.sub(tf.matMul(dOut, v, false, true), delta), scale))
  if (softcap > 0) dScores = tf.mul(dScores, capOf(scores, softcap).slope)
  dScores = whereVisible(visible, dScores)
  return [product(visible, dScores, k), product(visible, dScores, q, true), product(visible, weights, dOut, true)]
}
