import * as tf from '@tensorflow/tfjs-core'

/** Rows of tokens. The other tensors are optional; a batch of seq-packer fits as it is. All [B, T]. */
export interface Batch {
  /** int32; each below `vocabSize`. */
  readonly tokens: tf.Tensor2D
  /** int32. Tokens attend only within their segment; 0 is padding. Default: every row is one segment. */
  readonly segmentIds?: tf.Tensor2D | undefined
  /** int32 positions for the rotation, restarting with each segment. Default: 0 … T−1. */
  readonly positions?: tf.Tensor2D | undefined
  /**
   * float32, weight of the loss of predicting `tokens[b, t]` from the tokens before it; the first token of a row or segment and padding
   * have no such loss, whatever their weight says. Default: 1.
   */
  readonly lossWeights?: tf.Tensor2D | undefined
}

const dtypes = { tokens: 'int32', segmentIds: 'int32', positions: 'int32', lossWeights: 'float32' } as const

/** @throws TypeError for a wrong dtype or rank, RangeError for shapes that differ or are empty; `who` starts the message */
export function checkBatch(who: string, batch: Batch): void {
  for (const key of Object.keys(dtypes) as (keyof typeof dtypes)[]) {
    const tensor = batch[key]
    if (tensor === undefined && key !== 'tokens') continue
    if (!(tensor instanceof tf.Tensor) || tensor.rank !== 2 || tensor.dtype !== dtypes[key]) {
      const got = tensor instanceof tf.Tensor ? `a ${tensor.dtype} tensor of shape [${tensor.shape}]` : String(tensor)
      throw new TypeError(
        `${who}: batch.${key} is ${got}; it must be ${dtypes[key]} [B, T]. Make it with tf.tensor2d(…, '${dtypes[key]}').`,
      )
    }
    if (tensor.size === 0 || String(tensor.shape) !== String(batch.tokens.shape)) {
      throw new RangeError(
        `${who}: batch.${key} has shape [${tensor.shape}] and tokens [${batch.tokens.shape}]; they must be equal, not empty.`,
      )
    }
  }
}

/**
 * What is predicted at each place: `targets` int32 [B, T], the next token (0 in the last column), and `weights` float32 [B, T], the weight of
 * that token's loss: `lossWeights`, or 1, moved one to the left; 0 where the next token is of another segment or padding, and in
 * the last column. The caller disposes both.
 */
export function nextTokens({ tokens, segmentIds, lossWeights }: Batch): { targets: tf.Tensor2D; weights: tf.Tensor2D } {
  return tf.tidy(() => {
    const here = lossWeights ?? tf.ones<tf.Rank.R2>(tokens.shape)
    if (!segmentIds) return { targets: moveLeft(tokens), weights: moveLeft(here) }
    const next = moveLeft(segmentIds)
    const predicted = tf.logicalAnd(tf.equal(next, segmentIds), tf.notEqual(next, tf.scalar(0, 'int32')))
    return { targets: moveLeft(tokens), weights: tf.mul(moveLeft(here), tf.cast(predicted, 'float32')) }
  })
}

/** `y[b, t] = x[b, t + 1]`, 0 in the last column. */
function moveLeft(x_BT: tf.Tensor2D): tf.Tensor2D {
  const [B, T] = x_BT.shape
  const last = tf.zeros<tf.Rank.R2>([B, 1], x_BT.dtype as 'int32' | 'float32')
  return T === 1 ? last : tf.concat([tf.slice(x_BT, [0, 1], [B, T - 1]), last], 1)
}

/** `y[b, t] = x[b, t − 1]`, 0 in the first column. */
export function moveRight(x_BT: tf.Tensor2D): tf.Tensor2D {
  const [B, T] = x_BT.shape
  const first = tf.zeros<tf.Rank.R2>([B, 1], x_BT.dtype as 'int32' | 'float32')
  return T === 1 ? first : tf.concat([first, tf.slice(x_BT, [0, 0], [B, T - 1])], 1)
}
