import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'
import { type GenerateInput, noiseLlama } from './noise-llama.ts'
import { peersFolder } from './peers-folder.ts'

/** The parts of node-llama-cpp that are used. */
interface LlamaCpp {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>
}
interface Model {
  createContext(options: object): Promise<{ getSequence(): Sequence; dispose(): Promise<void> }>
  dispose(): Promise<void>
}
interface Sequence {
  evaluate(tokens: readonly number[], options: object): AsyncGenerator<number>
  clearHistory(): Promise<void>
}

const roomForAnswers = 4096
const file = fileURLToPath(new URL('../../node_modules/.cache/bench/generate-float16.gguf', import.meta.url))

/** llama.cpp through node-llama-cpp, weights as F16: random ones of the same sizes, since its tokens are not looked at. */
export const start: Start = async (_variant, threads) => {
  if (!existsSync(file)) {
    const script = fileURLToPath(new URL('save-model.ts', import.meta.url))
    execFileSync(process.execPath, [...process.execArgv, script, file, 'gguf-float16'], { stdio: 'ignore' })
  }
  const { getLlama }: LlamaCpp = await import(pathToFileURL(`${peersFolder}llama-cpp/node_modules/node-llama-cpp/dist/index.js`).href)
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 })
  const open = async (input: GenerateInput) => {
    const context = await model.createContext({ contextSize: input.T + roomForAnswers, batchSize: 512, threads, flashAttention: true })
    return { context, sequence: context.getSequence(), prompt: noiseLlama(input).tokens }
  }
  const options = { temperature: 0, yieldEogToken: true }
  return {
    memory: residentMemory,
    works: {
      prefill: async (input: GenerateInput): Promise<Prepared> => {
        const { context, sequence, prompt } = await open(input)
        return {
          async run() {
            await sequence.clearHistory()
            const began = performance.now()
            const stream = sequence.evaluate(prompt, options)
            await stream.next()
            const milliseconds = performance.now() - began
            await stream.return(undefined)
            return { '': milliseconds }
          },
          check: () => [],
          dispose: () => void context.dispose(),
        }
      },
      token: async (input: GenerateInput): Promise<Prepared> => {
        const { context, sequence, prompt } = await open(input)
        const stream = sequence.evaluate(prompt, options)
        await stream.next()
        return {
          async run() {
            const began = performance.now()
            await stream.next()
            return { '': performance.now() - began }
          },
          check: () => [],
          dispose: () => void stream.return(undefined).then(() => context.dispose()),
        }
      },
    },
  }
}
