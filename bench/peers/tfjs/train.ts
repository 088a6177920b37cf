import * as tf from '@tensorflow/tfjs'
import { type Batch, type LlamaConfig, type LossOptions, llamaConfig, loss, memoryPlan, type Params } from 'llama-model'
import { adamw, train } from 'trainer'
import type { Prepared } from '../../serve-peer.ts'
import { batchesOf, paramsOf } from './llama.ts'
import { naiveLoss } from './naive-llama.ts'
import type { StepInput } from './step.ts'

const learningRate = 1e-3

/** Steps of trainer, of `loss` as given, without an end. */
export function stepsOf(params: Params, config: LlamaConfig, input: StepInput, options: LossOptions = {}) {
  return train<Batch>({
    params,
    loss: (own, batch) => loss(own, config, batch, options),
    batches: batchesOf(input, config),
    learningRate: () => learningRate,
    totalSteps: 1e6,
  })
}

/** A step of trainer and the same by hand take turns: loss and gradients, their norm, the update, one read from the device. */
export function prepareOverhead(input: StepInput): Prepared {
  const config = llamaConfig(input.config)
  const [params, bare] = [paramsOf(config), paramsOf(config)]
  const names = Object.keys(bare).sort()
  const optimizer = adamw()
  const states = names.map((name) => optimizer.init(bare[name]!))
  const batches = batchesOf(input, config)
  const steps = stepsOf(params, config, input)
  const losses: number[] = []
  let step = 0
  const byHand = async () => {
    const batch = batches.next().value!
    const { value, grads } = tf.engine().gradients(
      () => loss(bare, config, batch),
      names.map((name) => bare[name]!),
    )
    const read = tf.tidy(() =>
      tf.concat([tf.reshape(value, [1]), tf.engine().runKernel('SquaredNorms', { ...grads } as never) as tf.Tensor]),
    )
    const [, ...squares] = await read.data()
    const gradientScale = Math.min(1, 1 / Math.sqrt(squares.reduce((sum, square) => sum + square, 0)))
    step++
    names.forEach((name, i) => {
      const next = optimizer.update(grads[i]!, bare[name]!, states[i]!, { name, learningRate, step, gradientScale })
      tf.dispose([bare[name]!, states[i]!, grads[i]!])
      bare[name] = next.param
      states[i] = next.state
    })
    tf.dispose([value, read, { ...batch }])
  }
  return {
    async run() {
      const began = performance.now()
      losses.push((await steps.next()).value!.loss)
      const middle = performance.now()
      await byHand()
      return { trainer: middle - began, 'by hand': performance.now() - middle }
    },
    check: () => losses.slice(0, 1),
    dispose: () => {
      void steps.return(undefined)
      tf.dispose([params, bare, states])
    },
  }
}

/** `tf.train.adam` on the naive model: the step as a tfjs user writes it. */
export function prepareAdam(input: StepInput): Prepared {
  const config = llamaConfig(input.config)
  const variables = Object.fromEntries(Object.entries(paramsOf(config)).map(([name, param]) => [name, tf.variable(param)]))
  const adam = tf.train.adam(learningRate, 0.9, 0.95)
  const batches = batchesOf(input, config)
  const losses: number[] = []
  return {
    run() {
      const batch = batches.next().value!
      const began = performance.now()
      const value = adam.minimize(() => naiveLoss(variables, config, batch), true, Object.values(variables))!
      losses.push(value.dataSync()[0]!)
      const milliseconds = performance.now() - began
      tf.dispose([value, { ...batch }])
      return { '': milliseconds }
    },
    check: () => losses.slice(0, 1),
    dispose: () => {
      adam.dispose()
      tf.dispose(variables)
    },
  }
}

/** Loss and gradients with everything kept and with every layer computed again, in turns. */
export function prepareRecomputed(input: StepInput): Prepared {
  const config = llamaConfig(input.config)
  const params = paramsOf(config)
  const batch = batchesOf(input, config).next().value!
  let value = 0
  const gradients = (options: LossOptions): number => {
    const began = performance.now()
    const result = tf.valueAndGrads((..._: tf.Tensor[]) => loss(params, config, batch, options))(Object.values(params))
    value = result.value.dataSync()[0]!
    tf.dispose([result.value, result.grads])
    return performance.now() - began
  }
  return {
    run: () => ({ kept: gradients({}), 'computed again': gradients({ activationCheckpointing: { every: 1 } }) }),
    check: () => [value],
    dispose: () => tf.dispose([params, { ...batch }]),
  }
}

export interface HeapInput extends StepInput, LossOptions {
  readonly steps: number
}

/** Some steps of a run from its beginning; what `memoryPlan` says beside it. */
export function prepareHeap(input: HeapInput): Prepared {
  const config = llamaConfig(input.config)
  const { batchSize, T: rowLength, activationCheckpointing } = input
  const plan = memoryPlan({ config, rowLength, batchSize, activationCheckpointing: activationCheckpointing ?? { first: 0 } })
  let last = 0
  return {
    async run() {
      const params = paramsOf(config)
      const steps = stepsOf(params, config, input, { activationCheckpointing })
      const began = performance.now()
      for (let step = 0; step < input.steps; step++) last = (await steps.next()).value!.loss
      const milliseconds = (performance.now() - began) / input.steps
      await steps.return(undefined)
      tf.dispose(params)
      return { '': milliseconds, plannedBytes: plan.peakBytes }
    },
    check: () => [last],
    dispose() {},
  }
}
