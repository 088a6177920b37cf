import * as tf from '@tensorflow/tfjs-core'

/** Keys and values [B, S, K, D] of consecutive tokens. */
export type Piece = {
  readonly key: tf.Tensor4D
  readonly value: tf.Tensor4D
}

/** What a layer remembers of the tokens before. */
export interface LayerCache {
  /**
   * Adds the keys and values of the newest T tokens and attends from them, query [B, T, H, D], causally to all. To be called in a
   * `tf.tidy`, which frees what the cache does not keep.
   */
  attend(query: tf.Tensor4D, added: Piece, keySegments: KeySegments, window: number | undefined): tf.Tensor4D
  dispose(): void
}

/** What layers share: which keys of padded rows there are (tokens `first` … `first + length − 1` of all), undefined where no row is padded. */
export type KeySegments = ((first: number, length: number) => tf.Tensor2D) | undefined

/** Padding before a prompt may look at padding only; what it computes is seen by nobody. */
export function segmentsOf(query: tf.Tensor4D, key: tf.Tensor2D) {
  const [B, T] = query.shape
  return { query: tf.slice(key, [0, key.shape[1] - T], [B, T]), key }
}
