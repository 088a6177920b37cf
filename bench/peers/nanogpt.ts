import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'
import { peersFolder } from './peers-folder.ts'
import type { StepInput } from './tfjs/step.ts'

const dist = `${peersFolder}nanogpt/node_modules/@genai-fi/nanogpt/dist`

/**
 * @genai-fi/nanogpt's own model, of the same sizes, and its own training step, on the one of its backends that runs here: JavaScript. It
 * brings a tfjs of its own, made for browsers, and shows no way to make a tensor; what the tokens are makes no difference to the time.
 */
export const start: Start = async () => {
  Object.assign(globalThis, { window: { document: {} } })
  const { models } = await import(`${dist}/main.js`)
  const { selectBackend } = await import(`${dist}/backend.js`)
  const { default: Trainer } = await import(`${dist}/training/BasicTrainer.js`)
  const { kt: zeros } = await import(`${dist}/dist-Da20xy8E.js`)
  await selectBackend('cpu')
  return {
    memory: residentMemory,
    works: {
      adam({ batchSize, T, config }: StepInput): Prepared {
        const sizes = { nLayer: config.num_hidden_layers, nHead: config.num_attention_heads, nEmbed: config.hidden_size }
        const model = new models.NanoGPTV1({ ...sizes, vocabSize: config.vocab_size, blockSize: T, mlpFactor: 2, useRope: true })
        const trainer = new Trainer(model, undefined, { learningRate: 1e-3 })
        return {
          run() {
            const [xs, ys] = [zeros([batchSize, T], 'int32'), zeros([batchSize, T], 'int32')]
            const began = performance.now()
            trainer.trainStep({}, { xs, ys }).dataSync()
            return { '': performance.now() - began }
          },
          check: () => [],
          dispose: () => model.dispose(),
        }
      },
    },
  }
}
