// Weights that do not learn: no product for their gradients runs, and the gradients of the others stay what they are, on every engine.
import * as tf from '@tensorflow/tfjs-core'
import { initLora, initParams, isLoraParam, type LlamaConfig, type LossOptions, llamaConfig, loss, type Params } from 'llama-model'
import { describe, expect, it, vi } from 'vitest'
import { engine } from '../../../../test/support/engine.ts'
import { expectNoLeaks } from '../../../../test/support/leaks.ts'

// no two sizes are equal: what has the shape of a matrix is its gradient
const config: LlamaConfig = {
  ...llamaConfig('tiny'),
  ...{ vocabSize: 44, hiddenSize: 20, intermediateSize: 28, numLayers: 2, numHeads: 4, numKvHeads: 2, headDim: 8, rope: { headDim: 8 } },
  tieWordEmbeddings: false,
  initializerRange: 0.3,
  lora: { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj'] },
}
const length = 12

const makeParams = (): Params => ({ ...initParams(config, 1), ...initLora(config, 2) })
const makeBatch = () => ({
  tokens: tf.tensor2d(
    Int32Array.from({ length }, (_, t) => (t * t * 7 + 5) % 44),
    [1, length],
    'int32',
  ),
})

const choices: [string, (name: string) => boolean][] = [
  ['a LoRA', isLoraParam],
  ['a LoRA, norms and embeddings', (name) => isLoraParam(name) || /norm|embed_tokens|lm_head/.test(name)],
  ['norms', (name) => name.includes('norm')],
  ['a matrix of the MLP', (name) => name.includes('down_proj')],
  ['attention of the upper layer', (name) => name.includes('layers.1.self_attn')],
  ['the embeddings', (name) => name.includes('embed_tokens')],
]
const options: LossOptions[] = [{}, { activationCheckpointing: { every: 1 } }]

/** Gradients of the parameters that learn, by name; the caller disposes them. */
function gradientsOf(params: Params, learns: (name: string) => boolean, option: LossOptions): Params {
  const names = Object.keys(params).filter(learns)
  const batch = makeBatch()
  const { value, grads } = tf.engine().gradients(
    () => loss(params, config, batch, option),
    names.map((name) => params[name]!),
  )
  tf.dispose([value, { ...batch }])
  return Object.fromEntries(names.map((name, i) => [name, grads[i]!]))
}

// here WebGPU is emulated
describe.each(engine.backend === 'webgpu' ? choices.slice(0, 2) : choices)('only %s', (_, learns) => {
  it.each(options)('learns: gradients equal to the last bit, %o', (option) =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const all = gradientsOf(params, () => true, option)
      const some = gradientsOf(params, learns, option)
      const thawed = gradientsOf(params, () => true, option)
      expect(Object.keys(some)).toEqual(Object.keys(params).filter(learns))
      for (const [name, gradient] of Object.entries(some)) expect(await gradient.data(), name).toEqual(await all[name]!.data())
      for (const [name, gradient] of Object.entries(thawed)) expect(await gradient.data(), name).toEqual(await all[name]!.data())
      return [params, all, some, thawed]
    }),
  )

  it.each(options)('learns: nothing of the shape of another matrix is made, %o', (option) =>
    expectNoLeaks(() => {
      const params = makeParams()
      const matrices = Object.entries(params).filter(([, { rank }]) => rank === 2)
      const learning = matrices.filter(([name]) => learns(name)).map(([, { shape }]) => String(shape))
      const frozen = matrices.map(([, { shape }]) => String(shape)).filter((shape) => !learning.includes(shape))
      const madeOfFrozen = (learns: (name: string) => boolean) => {
        const runKernel = vi.spyOn(tf.engine(), 'runKernel')
        tf.dispose(gradientsOf(params, learns, option))
        const outputs = runKernel.mock.calls.flatMap(([name], i) => (name === 'Identity' ? [] : runKernel.mock.results[i]!.value)) // keeps weights
        runKernel.mockRestore()
        return frozen.filter((shape) => outputs.some((output: tf.Tensor) => String(output.shape) === shape))
      }
      expect(madeOfFrozen(() => true)).toEqual(frozen)
      tf.dispose(gradientsOf(params, learns, option)) // where loss and gradients are made at once, the first step teaches what is frozen
      expect(madeOfFrozen(learns)).toEqual([])
      return params
    }),
  )
})
