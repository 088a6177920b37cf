import * as tf from '@tensorflow/tfjs-core'
import { FLOOR, type Tile } from '../mask.ts'
import type { Problem } from '../options.ts'
import { type Block, joinRowNumbers, joinRows, takeQueryRows, takeRows, tileOf } from './layout.ts'
import { tileScores } from './scores.ts'
import { type Tiles, visibleTiles } from './visible-tiles.ts'

/** What a block of queries has gathered from the keys seen so far: unnormalised output, running maximum and sum of weights. */
type Running = {
  acc: tf.Tensor // [B, K, G·numQ, D]
  max: tf.Tensor // [B, K, G·numQ, 1]
  sum: tf.Tensor // [B, K, G·numQ, 1]
}

/**
 * Online softmax over key blocks, for one block of queries after the other: out `[B, T, H, D]` and log-sum-exp `[B, H, T]`
 * (+∞ for rows that see no key). No tensor larger than a tile or the output is made.
 */
export function composedForward(problem: Problem, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): [out: tf.Tensor, lse: tf.Tensor] {
  const tiles = visibleTiles(problem)
  const outs: tf.Tensor[] = []
  const logs: tf.Tensor[] = []
  for (const block of tiles.queries) {
    const [out, log] = tf.tidy(() => forwardBlock(problem, tiles, query, key, value, block))
    outs.push(out)
    logs.push(log)
  }
  return [joinRows(problem.B, problem.H, problem.D, outs), joinRowNumbers(problem, logs)]
}

function forwardBlock(
  problem: Problem,
  { keys, visible }: Tiles,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  block: Block,
): [out: tf.Tensor, lse: tf.Tensor] {
  const { B, K, G, D } = problem
  const rows = G * block.size
  const q = takeQueryRows(problem, query, block)
  let running: Running = { acc: tf.zeros([B, K, rows, D]), max: tf.fill([B, K, rows, 1], FLOOR), sum: tf.zeros([B, K, rows, 1]) }
  for (const keyBlock of keys) {
    if (!visible(block, keyBlock)) continue
    const next = tf.tidy(() => addTile(problem, running, q, takeRows(key, keyBlock), takeRows(value, keyBlock), tileOf(block, keyBlock)))
    tf.dispose([running.acc, running.max, running.sum])
    running = next
  }
  const { acc, max, sum } = running
  const isEmpty = tf.equal(sum, 0) // not so where the sum is NaN
  const out = tf.div(acc, tf.where(isEmpty, tf.onesLike(sum), sum))
  const lse = tf.where(isEmpty, tf.fill(sum.shape, Number.POSITIVE_INFINITY), tf.add(max, tf.log(sum)))
  return [out, lse]
}

function addTile(problem: Problem, { acc, max, sum }: Running, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, tile: Tile): Running {
  const scores = tileScores(problem, q, k, tile)
  const newMax = tf.maximum(max, tf.max(scores, -1, true))
  const weights = tf.exp(tf.sub(scores, newMax))
  const rescale = tf.exp(tf.sub(max, newMax))
  return {
    acc: tf.add(tf.mul(acc, rescale), tf.matMul(weights, v)),
    max: newMax,
    sum: tf.add(tf.mul(sum, rescale), tf.sum(weights, -1, true)),
  }
}
