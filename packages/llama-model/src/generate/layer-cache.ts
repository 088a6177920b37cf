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
  /**
   * Room for the newest tokens' keys and values [B, T, K, D], which a kernel fills, as its inputs and attributes; absent where the cache is
   * not written in place.
   */
  reserve?(added: readonly [B: number, T: number, K: number, D: number], keySegments: KeySegments, window: number | undefined): Reserved
  dispose(): void
}

export interface Reserved {
  readonly inputs: Readonly<Record<string, tf.Tensor>>
  readonly attrs: { readonly length: number; readonly window: number }
}

/** What layers share: which keys of padded rows there are (tokens `first` … `first + length − 1` of all), undefined where no row is padded. */
export type KeySegments = ((first: number, length: number) => tf.Tensor2D) | undefined

/** Padding before a prompt may look at padding only; what it computes is seen by nobody. */
export function segmentsOf(B: number, T: number, key: tf.Tensor2D) {
  return { query: tf.slice(key, [0, key.shape[1] - T], [B, T]), key }
}
