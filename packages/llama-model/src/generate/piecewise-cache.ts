import * as tf from '@tensorflow/tfjs-core'
import { flashAttention, mergeAttention } from 'flash-attn-tfjs'
import { hasKernel, runKernel } from '../ops/kernels.ts'
import { type KeySegments, type LayerCache, type Piece, segmentsOf } from './layer-cache.ts'

/**
 * A long piece, and the tokens after it. Only the short one is copied when a token comes; it is joined to the long one when it is full. So
 * copying a cache of S tokens costs each token `S/256 + 256` rows, not S.
 */
interface Pieces {
  /** Tokens that were dropped at the start, because no later token sees them. */
  dropped: number
  long: Piece | undefined
  recent: Piece | undefined
}

export function piecewiseCache(): LayerCache {
  const pieces: Pieces = { dropped: 0, long: undefined, recent: undefined }
  return {
    attend(query, added, keySegments, window) {
      append(pieces, added, window)
      return attendToPieces(query, pieces, keySegments, window)
    },
    dispose: () => void tf.dispose([pieces.long ?? {}, pieces.recent ?? {}]),
  }
}

const recentTokens = 256

function append(cache: Pieces, added: Piece, window: number | undefined): void {
  const { recent: old, long } = cache
  const recent = keep(join(old, added))
  tf.dispose(old ?? [])
  const newTokens = added.key.shape[1]
  if (recent.key.shape[1] < recentTokens && newTokens === 1) {
    cache.recent = recent
    return
  }
  const all = join(long, recent)
  const length = all.key.shape[1]
  const unseen = window === undefined ? 0 : Math.max(0, length - newTokens - window + 1)
  cache.long = keep(unseen > 0 ? { key: from(all.key, unseen), value: from(all.value, unseen) } : all)
  cache.dropped += unseen
  cache.recent = undefined
  tf.dispose([long ?? {}, cache.long === recent ? {} : recent])
}

const from = (x: tf.Tensor4D, first: number): tf.Tensor4D => tf.slice(x, [0, first, 0, 0], [-1, -1, -1, -1])

const join = (a: Piece | undefined, b: Piece): Piece =>
  a ? { key: tf.concat([a.key, b.key], 1), value: tf.concat([a.value, b.value], 1) } : b

function keep(piece: Piece): Piece {
  tf.keep(piece.key)
  tf.keep(piece.value)
  return piece
}

/** The newest T tokens were appended in one piece. */
function attendToPieces(query: tf.Tensor4D, cache: Pieces, keySegments: KeySegments, window: number | undefined): tf.Tensor4D {
  const { long, recent, dropped } = cache
  return tf.tidy(() => {
    if (long && recent && hasKernel('FlashAttention')) return attendInTwo(query, { ...cache, long, recent }, keySegments, window)
    const { key, value } = recent ? join(long, recent) : long!
    const segmentIds = keySegments && segmentsOf(query.shape[0], query.shape[1], keySegments(dropped, key.shape[1]))
    return flashAttention(query, key, value, { causal: true, window, segmentIds })
  })
}

/**
 * One query sees both pieces: with outputs `o₁`, `o₂` and log-sum-exps `l₁`, `l₂`, attention to both is
 * `o₂ + σ(l₁ − l₂)·(o₁ − o₂)`.
 */
function attendInTwo(
  query: tf.Tensor4D,
  { long, recent, dropped }: Pieces & { readonly long: Piece; readonly recent: Piece },
  keySegments: KeySegments,
  window: number | undefined,
): tf.Tensor4D {
  const [B, , H, D] = query.shape
  const numRecent = recent.key.shape[1]
  const reach = window === undefined ? 0 : window - numRecent // of the window in the long piece
  if (window !== undefined && reach <= 0) return flashAttention(query, recent.key, recent.value, { causal: true, window })
  if (keySegments) {
    const key = keySegments(dropped, long.key.shape[1])
    const segmentIds = { query: tf.ones([B, 1], 'int32'), key }
    const options = { causal: false, returnLogSumExp: true } as const
    const before = flashAttention(query, long.key, long.value, { ...options, segmentIds, window: reach > 0 ? reach : undefined })
    return mergeAttention([before, flashAttention(query, recent.key, recent.value, options)])[0]
  }
  const attend = (piece: Piece, window: number): tf.Tensor[] =>
    runKernel('FlashAttention', { query, ...piece }, { causal: false, scale: 1 / Math.sqrt(D), window, softcap: 0 })
  const [outLong, lseLong] = attend(long, reach < long.key.shape[1] ? reach : 0)
  const [outRecent, lseRecent] = attend(recent, 0)
  const share = tf.reshape(tf.sigmoid(tf.sub(lseLong!, lseRecent!)), [B, 1, H, 1])
  return tf.add(outRecent!, tf.mul(tf.sub(outLong!, outRecent!), share))
}
