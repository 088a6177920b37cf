import * as tf from '@tensorflow/tfjs-core'
import { checkCount } from './check-options.ts'
import { addGradients, list, squaredNorms, valueAndGradients } from './gradients.ts'
import { type GradientNoise, gradientNoise } from './noise.ts'
import type { TrainOptions } from './options.ts'
import type { Params } from './types.ts'

/** Gradient of one step and what the host knows about it after one read from the device. */
export interface StepGradient {
  /** Sums over micro-batches in the order of `names`; owned by the caller. */
  readonly gradients: tf.Tensor[]
  readonly loss: number
  /** Global norm of the averaged gradient. */
  readonly norm: number
  readonly tokens: number
  /** 1 / total weight: `gradients · mean` is the averaged gradient. */
  readonly mean: number
  /** Why it must not be applied. */
  readonly problem?: string
  readonly noise?: GradientNoise
}

/**
 * Pulls `gradientAccumulation` batches and returns `Σ wᵢ∇Lᵢ` with `wᵢ` the tokens of micro-batch i (1 without `tokens`),
 * so that `mean = 1/Σwᵢ` makes it the gradient of the one big batch.
 */
export async function stepGradient<Batch>(
  stream: AsyncIterator<Batch>,
  step: number,
  names: readonly string[],
  options: TrainOptions<Batch>,
): Promise<StepGradient> {
  const { disposeBatches = true, tokens: countTokens, signal } = options
  const numMicro = accumulationOf(options, step)
  const noisy = (options.reportGradientNoise ?? false) && numMicro > 1
  const params: Params = Object.fromEntries(names.map((name) => [name, options.params[name]!]))
  const gradients: tf.Tensor[] = []
  const scalars: tf.Scalar[] = [] // of each micro-batch loss, tokens and, where asked for, squared norm
  try {
    for (let micro = 0; micro < numMicro; micro++) {
      const where = `train: step ${step + 1}${numMicro > 1 ? `, micro-batch ${micro + 1} of ${numMicro}` : ''}`
      signal?.throwIfAborted()
      const { value: batch, done } = await stream.next()
      if (done) throw endOfBatches(where, step, options.totalSteps)
      try {
        if (tf.tensor_util.getTensorsInContainer(batch as tf.TensorContainer).some((tensor) => tensor.isDisposed))
          throw new RangeError('the batch holds disposed tensors. To use a batch again pass disposeBatches: false.')
        const tokens = tf.tidy(() => tokenScalar(countTokens?.(batch)))
        scalars.push(tokens)
        const weight = countTokens && numMicro > 1 ? tokens : undefined
        const one = valueAndGradients(() => options.loss(options.params, batch), params, weight)
        scalars.splice(-1, 0, one.value)
        if (noisy) scalars.push(tf.tidy(() => tf.sum(squaredNorms(one.gradients))))
        if (micro === 0) gradients.push(...one.gradients)
        else addGradients(gradients, one.gradients)
      } catch (error) {
        throw annotated(error, where)
      } finally {
        if (disposeBatches) tf.dispose(batch as tf.TensorContainer)
      }
    }
    const all = tf.tidy(() => tf.concat([tf.stack(scalars), squaredNorms(gradients)]))
    tf.dispose(scalars)
    scalars.splice(0, scalars.length, all as tf.Scalar)
    const values = await all.data<'float32'>() // the one read from the device in a step
    return { gradients, ...summary(values, names, { numMicro, noisy, counted: countTokens !== undefined }) }
  } catch (error) {
    tf.dispose(gradients)
    throw error
  } finally {
    tf.dispose(scalars)
  }
}

interface Layout {
  readonly numMicro: number
  readonly noisy: boolean
  readonly counted: boolean
}

function summary(values: Float32Array, names: readonly string[], { numMicro, noisy, counted }: Layout): Omit<StepGradient, 'gradients'> {
  const stride = noisy ? 3 : 2
  const micros = Array.from({ length: numMicro }, (_, i) => {
    const [loss, tokens, square = 0] = values.subarray(stride * i, stride * (i + 1))
    const weight = counted && numMicro > 1 ? tokens! : 1
    return { loss: loss!, tokens: tokens!, weight, square: square / weight ** 2 }
  })
  const sum = (of: (micro: (typeof micros)[number]) => number) => micros.reduce((total, micro) => total + of(micro), 0)
  const [lossSum, tokens, weights] = [sum(({ loss, weight }) => weight * loss), sum(({ tokens }) => tokens), sum(({ weight }) => weight)]
  const norms = values.subarray(stride * numMicro)
  const squares = norms.reduce((sum, square) => sum + square, 0)
  const loss = lossSum / weights
  const norm = Math.sqrt(squares) / weights
  const squaresOfMicros = micros.map(({ square }) => square)
  const noise = noisy
    ? {
        noise: gradientNoise(
          squaresOfMicros,
          micros.map(({ weight }) => weight),
          norm ** 2,
        ),
      }
    : {}
  const result = { loss, norm, tokens, mean: 1 / weights, ...noise }
  if (counted && !(tokens > 0)) return { ...result, problem: `the batch has ${tokens} loss tokens` }
  if (!Number.isFinite(loss)) return { ...result, problem: `the loss is ${loss}` }
  const wrong = names.filter((_, i) => !Number.isFinite(norms[i]!))
  if (wrong.length > 0)
    return { ...result, problem: `the gradient of ${list(wrong)} (${wrong.length} of ${names.length} parameters) is not finite` }
  return result
}

function accumulationOf<Batch>({ gradientAccumulation = 1 }: TrainOptions<Batch>, step: number): number {
  if (typeof gradientAccumulation !== 'function') return gradientAccumulation
  const numMicro = gradientAccumulation(step)
  checkCount(`train: gradientAccumulation(${step})`, numMicro)
  return numMicro
}

function tokenScalar(tokens: number | tf.Scalar | undefined): tf.Scalar {
  if (tokens instanceof tf.Tensor) {
    if (tokens.size !== 1)
      throw new TypeError(`tokens(batch) returned shape [${tokens.shape}]; it must be one number. Add it up with tf.sum(…).`)
    return tf.cast(tf.reshape(tokens, []), 'float32')
  }
  const count = tokens ?? 0
  if (!(count >= 0 && count < Number.POSITIVE_INFINITY))
    throw new RangeError(`tokens(batch) returned ${count}; it must be a finite number ≥ 0.`)
  return tf.scalar(count)
}

function endOfBatches(where: string, step: number, totalSteps: number): RangeError {
  const remedy = step > 0 ? `repeat the data, or set totalSteps: ${step}` : 'check that the data is not empty and was not used up before'
  return new RangeError(`${where}: batches ended after ${step} of ${totalSteps} steps. To go on, ${remedy}.`)
}

function annotated(error: unknown, where: string): Error {
  const Kind = error instanceof RangeError ? RangeError : error instanceof TypeError ? TypeError : Error
  return new Kind(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
