import * as tf from '@tensorflow/tfjs-core'
import { flashAttention } from 'flash-attn-tfjs'
import { hasKernel, runKernel } from '../ops/kernels.ts'

/** Keys and values [1, S, K, D] of consecutive tokens. */
type Piece = {
  readonly key: tf.Tensor4D
  readonly value: tf.Tensor4D
}

/**
 * Keys and values of one layer: a long piece, and the tokens after it. Only the short one is copied when a token comes; it is joined to
 * the long one when it is full. So copying a cache of S tokens costs each token `S/256 + 256` rows, not S.
 */
export interface LayerCache {
  long: Piece | undefined
  recent: Piece | undefined
}

const recentTokens = 256

/** Adds the keys and values of new tokens. To be called in a `tf.tidy`, which frees what the cache does not keep. */
export function append(cache: LayerCache, added: Piece): void {
  cache.recent = extend(cache.recent, added)
  const { recent, long } = cache
  if (recent.key.shape[1] < recentTokens && added.key.shape[1] === 1) return
  cache.long = extend(long, recent)
  if (long) tf.dispose(recent)
  cache.recent = undefined
}

/** `old` and `added` as one kept piece; frees `old`. */
function extend(old: Piece | undefined, added: Piece): Piece {
  const piece = old ? joined(old, added) : added
  tf.keep(piece.key)
  tf.keep(piece.value)
  if (old) tf.dispose(old)
  return piece
}

const joined = (a: Piece, b: Piece): Piece => ({ key: tf.concat([a.key, b.key], 1), value: tf.concat([a.value, b.value], 1) })

/** Causal attention of the newest T tokens, query [1, T, H, D], to all in the cache; they were appended in one piece. */
export function attendToCache(query: tf.Tensor4D, { long, recent }: LayerCache): tf.Tensor4D {
  return tf.tidy(() => {
    if (long && recent && hasKernel('FlashAttention')) return attendInTwo(query, long, recent)
    const { key, value } = long && recent ? joined(long, recent) : (long ?? recent)!
    return flashAttention(query, key, value, { causal: true })
  })
}

/**
 * One query sees both pieces whole: with outputs `o₁`, `o₂` and log-sum-exps `l₁`, `l₂`, attention to both is
 * `o₂ + σ(l₁ − l₂)·(o₁ − o₂)`.
 */
function attendInTwo(query: tf.Tensor4D, long: Piece, recent: Piece): tf.Tensor4D {
  const [, , H, D] = query.shape
  const attend = (piece: Piece): tf.Tensor[] =>
    runKernel('FlashAttention', { query, ...piece }, { causal: false, scale: 1 / Math.sqrt(D), window: 0, softcap: 0 })
  const [outLong, lseLong] = attend(long)
  const [outRecent, lseRecent] = attend(recent)
  const share = tf.reshape(tf.sigmoid(tf.sub(lseLong!, lseRecent!)), [1, 1, H, 1])
  return tf.add(outRecent!, tf.mul(tf.sub(outLong!, outRecent!), share))
}
