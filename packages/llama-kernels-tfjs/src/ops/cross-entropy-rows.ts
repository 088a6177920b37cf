import * as tf from '@tensorflow/tfjs-core'
import type { CrossEntropyOptions } from './linear-cross-entropy.ts'

// The composed twin of the kernels `LinearCrossEntropy` and `LinearCrossEntropyGrad`: logits of a few rows at a time.
const rowsPerChunk = 256

type Forward = Readonly<Record<'hidden' | 'weight' | 'targets' | 'shares', tf.Tensor>>
type Backward = Readonly<Record<'hidden' | 'weight' | 'targets' | 'logSumExp' | 'dLosses', tf.Tensor>>
type Settings = Required<CrossEntropyOptions>

/** [losses, logSumExp], both [N]; 0 where the share is 0. */
export function rowLosses({ hidden, weight, targets, shares }: Forward, { labelSmoothing, zLoss }: Settings): tf.Tensor[] {
  const parts = chunks(hidden.shape[0]!).map(([first, rows]) =>
    tf.tidy((): tf.Tensor[] => {
      const counts = tf.notEqual(tf.slice(shares, first, rows), 0)
      const h = countingRows<tf.Tensor2D>(tf.slice(hidden, [first, 0], [rows, -1]), counts)
      const logits = tf.matMul(h, weight as tf.Tensor2D, false, true)
      const logSumExp = tf.logSumExp(logits, 1)
      const rowOfTarget = tf.gather(weight, countingRows<tf.Tensor1D>(tf.slice(targets, first, rows), counts)) // the target's logit alone: no one-hot
      const ofTarget = tf.mul(tf.sum(tf.mul(h, rowOfTarget), 1), 1 - labelSmoothing)
      const smooth = labelSmoothing === 0 ? ofTarget : tf.add(ofTarget, tf.mul(tf.mean(logits, 1), labelSmoothing))
      const loss = tf.sub(logSumExp, smooth)
      const all = zLoss === 0 ? loss : tf.add(loss, tf.mul(tf.square(logSumExp), zLoss))
      return [all, logSumExp].map((column) => countingRows(column, counts))
    }),
  )
  return [0, 1].map((i) => tf.concat(parts.map((part) => part[i]!)))
}

/** [dHidden, dWeight]; `dLogit_v = dLoss·(p_v·(1 + 2·zLoss·lse) − ε/V − (1 − ε)·[v = target])`. */
export function rowGradients({ hidden, weight, targets, logSumExp, dLosses }: Backward, { labelSmoothing, zLoss }: Settings): tf.Tensor[] {
  return tf.tidy(() => {
    const V = weight.shape[0]!
    let dWeight: tf.Tensor = tf.zerosLike(weight)
    const dHidden = chunks(hidden.shape[0]!).map(([first, rows]) => {
      const column = (x: tf.Tensor) => tf.reshape(tf.slice(x, first, rows), [rows, 1])
      const [dh, sum] = tf.tidy((): [tf.Tensor, tf.Tensor] => {
        const counts = tf.notEqual(tf.slice(dLosses, first, rows), 0)
        const h = countingRows<tf.Tensor2D>(tf.slice(hidden, [first, 0], [rows, -1]), counts)
        const probabilities = tf.tidy(() => {
          const p = tf.exp(tf.sub(tf.matMul(h, weight as tf.Tensor2D, false, true), column(logSumExp)))
          return zLoss === 0 ? p : tf.mul(p, tf.add(tf.mul(column(logSumExp), 2 * zLoss), 1))
        })
        const oneHot = tf.oneHot(countingRows<tf.Tensor1D>(tf.slice(targets, first, rows), counts), V)
        const wanted = labelSmoothing === 0 ? oneHot : tf.add(tf.mul(oneHot, 1 - labelSmoothing), labelSmoothing / V)
        const dLogits = countingRows<tf.Tensor2D>(tf.mul(tf.sub(probabilities, wanted), column(dLosses)), counts)
        return [tf.matMul(dLogits, weight as tf.Tensor2D), tf.add(dWeight, tf.matMul(dLogits, h, true, false))]
      })
      tf.dispose(dWeight)
      dWeight = sum
      return dh
    })
    return [tf.concat(dHidden), dWeight]
  })
}

/** Zeros in the rows that do not count, whatever stood there. */
function countingRows<T extends tf.Tensor>(x: tf.Tensor, counts: tf.Tensor): T {
  const column = tf.reshape(counts, [-1, ...Array.from({ length: x.rank - 1 }, () => 1)])
  return tf.where(tf.broadcastTo(column, x.shape), x, tf.zerosLike(x)) as T
}

/** [first row, number of rows] of each chunk. */
const chunks = (rows: number) =>
  Array.from({ length: Math.ceil(rows / rowsPerChunk) }, (_, i): [number, number] => {
    const first = i * rowsPerChunk
    return [first, Math.min(rowsPerChunk, rows - first)]
  })
