// Models of tf.layers as its users write them, with seeds.
import * as tf from '@tensorflow/tfjs'

export interface LayersTask {
  readonly model: tf.LayersModel
  readonly inputs: tf.Tensor
  readonly targets: tf.Tensor
}

const vocabulary = 12 // digits, plus, space
const uniform = (seed: number) => tf.initializers.glorotUniform({ seed })

/**
 * The network of tfjs-examples' addition-rnn: an LSTM reads '12+345', another writes '357', a dense layer chooses each character. Its
 * batch is random characters, for time and gradients do not depend on them. The caller disposes all three.
 */
export function additionRnn({ units, batchSize }: { readonly units: number; readonly batchSize: number }): LayersTask {
  const [read, written] = [7, 4]
  const lstm = (seed: number) => ({ units, kernelInitializer: uniform(seed), recurrentInitializer: uniform(seed + 10) })
  const model = tf.sequential({
    layers: [
      tf.layers.lstm({ ...lstm(1), inputShape: [read, vocabulary] }),
      tf.layers.repeatVector({ n: written }),
      tf.layers.lstm({ ...lstm(2), returnSequences: true }),
      tf.layers.timeDistributed({ layer: tf.layers.dense({ units: vocabulary, kernelInitializer: uniform(3) }) }),
      tf.layers.activation({ activation: 'softmax' }),
    ],
  })
  model.compile({ loss: 'categoricalCrossentropy', optimizer: tf.train.adam(1e-2) })
  const oneHot = (length: number, seed: number): tf.Tensor =>
    tf.tidy(() => tf.oneHot(tf.randomUniform([batchSize, length], 0, vocabulary, 'int32', seed), vocabulary).toFloat())
  return { model, inputs: oneHot(read, 4), targets: oneHot(written, 5) }
}

/** A classifier of texts: embedded words, their mean, two dense layers. The caller disposes all three. */
export function textClassifier(size: { readonly words: number; readonly units: number; readonly batchSize: number }): LayersTask {
  const { words, units, batchSize } = size
  const length = 100
  const model = tf.sequential({
    layers: [
      tf.layers.embedding({ inputDim: words, outputDim: units, inputLength: length, embeddingsInitializer: uniform(1) }),
      tf.layers.globalAveragePooling1d({}),
      tf.layers.dense({ units: 4 * units, activation: 'relu', kernelInitializer: uniform(2) }),
      tf.layers.dense({ units: 1, activation: 'sigmoid', kernelInitializer: uniform(3) }),
    ],
  })
  model.compile({ loss: 'binaryCrossentropy', optimizer: tf.train.adam(1e-2) })
  return {
    model,
    inputs: tf.tidy(() => tf.randomUniform([batchSize, length], 0, words, 'int32', 4).toFloat()),
    targets: tf.tidy(() => tf.randomUniform([batchSize, 1], 0, 2, 'int32', 5).toFloat()),
  }
}

/** Loss of each epoch of `model.fit`. Disposes everything. */
export async function fitLosses({ model, inputs, targets }: LayersTask, epochs: number): Promise<number[]> {
  const { history } = await model.fit(inputs, targets, { epochs, batchSize: 16, shuffle: false, verbose: 0 })
  model.dispose()
  model.optimizer.dispose()
  tf.dispose([inputs, targets])
  return history.loss as number[]
}
