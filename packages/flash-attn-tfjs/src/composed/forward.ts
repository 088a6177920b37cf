import * as tf from '@tensorflow/tfjs-core'
import { FLOOR, type Tile, tileVisibility } from '../mask.ts'
import type { Problem } from '../options.ts'
import { blocks, joinRows, takeQueryRows, takeRows } from './layout.ts'
import { tileScores } from './scores.ts'

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
  const { B, T, H, D } = problem
  const outs: tf.Tensor[] = []
  const lses: tf.Tensor[] = []
  for (const { start, size } of blocks(T)) {
    const [out, lse] = tf.tidy(() => forwardBlock(problem, query, key, value, start, size))
    outs.push(out)
    lses.push(lse)
  }
  const lse = lses.length === 1 ? (lses[0] as tf.Tensor) : tf.concat(lses, 2)
  if (lses.length > 1) tf.dispose(lses)
  return [joinRows(B, H, D, outs), lse]
}

function forwardBlock(
  problem: Problem,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  q0: number,
  numQ: number,
): [out: tf.Tensor, lse: tf.Tensor] {
  const { B, S, H, K, G, D } = problem
  const q = takeQueryRows(problem, query, q0, numQ)
  let running: Running = {
    acc: tf.zeros([B, K, G * numQ, D]),
    max: tf.fill([B, K, G * numQ, 1], FLOOR),
    sum: tf.zeros([B, K, G * numQ, 1]),
  }
  for (const { start, size } of blocks(S)) {
    const tile: Tile = { q0, numQ, k0: start, numK: size }
    if (tileVisibility(problem, tile) === 'none') continue
    const next = tf.tidy(() => addTile(problem, running, q, takeRows(key, start, size), takeRows(value, start, size), tile))
    tf.dispose([running.acc, running.max, running.sum])
    running = next
  }
  const { acc, max, sum } = running
  const seesAKey = tf.greater(sum, 0)
  const out = tf.div(acc, tf.where(seesAKey, sum, tf.onesLike(sum)))
  const lse = tf.where(seesAKey, tf.add(max, tf.log(sum)), tf.fill(sum.shape, Number.POSITIVE_INFINITY))
  return [out, tf.reshape(lse, [B, H, numQ])]
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
