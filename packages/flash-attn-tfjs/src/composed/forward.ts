import * as tf from '@tensorflow/tfjs-core'
import type { Tile } from '../mask.ts'
import type { Problem } from '../options.ts'
import { type Block, joinRowNumbers, joinRows, takeQueryRows, takeRows, tileOf } from './layout.ts'
import { tileScores, tileVisible } from './scores.ts'
import { type VisibleProduct, visibleProduct } from './visible-product.ts'
import { type Tiles, visibleTiles } from './visible-tiles.ts'

/** What a block of queries has gathered from the keys so far: unnormalised output, running maximum, sum of weights, whether any was seen. */
type Running = {
  acc: tf.Tensor // [B, K, G·numQ, D]
  max: tf.Tensor // [B, K, G·numQ, 1]
  sum: tf.Tensor // [B, K, G·numQ, 1]
  seen: tf.Tensor // [B, K, G·numQ, 1], 1 or 0
}

/**
 * Online softmax over key blocks, for one block of queries after the other: out `[B, T, H, D]` and log-sum-exp `[B, H, T]`
 * (+∞ for rows that see no key). No tensor larger than a tile or the output is made.
 */
export function composedForward(problem: Problem, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): [out: tf.Tensor, lse: tf.Tensor] {
  const tiles = visibleTiles(problem)
  const product = visibleProduct([value])
  const outs: tf.Tensor[] = []
  const logs: tf.Tensor[] = []
  for (const block of tiles.queries) {
    const [out, log] = tf.tidy(() => forwardBlock(problem, tiles, product, query, key, value, block))
    outs.push(out)
    logs.push(log)
  }
  return [joinRows(problem.B, problem.H, problem.D, outs), joinRowNumbers(problem, logs)]
}

function forwardBlock(
  problem: Problem,
  { keys, visible }: Tiles,
  product: VisibleProduct,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  block: Block,
): [out: tf.Tensor, lse: tf.Tensor] {
  const { B, K, G, D } = problem
  const rows = G * block.size
  const q = takeQueryRows(problem, query, block)
  const zeros = () => tf.zeros([B, K, rows, 1])
  let running: Running = {
    acc: tf.zeros([B, K, rows, D]),
    max: tf.fill([B, K, rows, 1], Number.NEGATIVE_INFINITY),
    sum: zeros(),
    seen: zeros(),
  }
  for (const keyBlock of keys) {
    if (!visible(block, keyBlock)) continue
    const k = takeRows(key, keyBlock)
    const v = takeRows(value, keyBlock)
    const next = tf.tidy(() => addTile(problem, product, running, q, k, v, tileOf(block, keyBlock)))
    tf.dispose([k, v, { ...running }])
    running = next
  }
  const { acc, max, sum, seen } = running
  const isSeen = tf.greater(seen, 0)
  const out = tf.div(acc, tf.where(isSeen, sum, tf.onesLike(sum))) // 0 / 0 where all that is seen has a score of −∞
  const lse = tf.where(isSeen, tf.add(max, tf.log(sum)), tf.fill(sum.shape, Number.POSITIVE_INFINITY))
  return [out, lse]
}

function addTile(
  problem: Problem,
  product: VisibleProduct,
  { acc, max, sum, seen }: Running,
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  tile: Tile,
): Running {
  const visible = tileVisible(problem, tile)
  const scores = tileScores(problem, visible, q, k)
  const newMax = tf.maximum(max, tf.max(scores, -1, true))
  const shift = tf.where(tf.equal(newMax, Number.NEGATIVE_INFINITY), tf.zerosLike(newMax), newMax) // or −∞ − −∞ would be NaN
  const weights = tf.exp(tf.sub(scores, shift))
  const rescale = tf.exp(tf.sub(max, shift))
  return {
    acc: tf.add(tf.mul(acc, rescale), product(visible, weights, v)),
    max: newMax,
    sum: tf.add(tf.mul(sum, rescale), tf.sum(weights, -1, true)),
    seen: visible === null ? tf.onesLike(seen) : tf.maximum(seen, tf.max(tf.cast(visible, 'float32'), -1, true)),
  }
}
