import { pathToFileURL } from 'node:url'
import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'
import { type GenerateInput, noiseLlama } from './noise-llama.ts'
import { onnxLlama } from './onnx-llama.ts'
import { peersFolder } from './peers-folder.ts'

interface Tensor {
  readonly data: Float32Array
  dispose(): void
}
interface Session {
  run(feeds: Record<string, object>): Promise<Record<string, Tensor>>
  release(): Promise<void>
}
interface OnnxRuntimeWeb {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string }
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> }
  readonly Tensor: new (type: string, data: Float32Array | Int32Array | BigInt64Array, shape: readonly number[]) => Tensor
}

const roomForAnswers = 4096

/** onnxruntime-web on wasm: what transformers.js runs its models on, without its own work in between. */
export const start: Start = async (_variant, threads) => {
  const runtime: OnnxRuntimeWeb = await import(
    pathToFileURL(`${peersFolder}onnx-web/node_modules/onnxruntime-web/dist/ort.node.min.mjs`).href
  )
  runtime.env.wasm.numThreads = threads
  runtime.env.logLevel = 'error'
  const open = (input: GenerateInput) => openLlama(runtime, input)
  return {
    memory: residentMemory,
    works: {
      prefill: async (input: GenerateInput): Promise<Prepared> => {
        const model = await open(input)
        let first = Number.NaN
        return {
          async run() {
            const began = performance.now()
            model.reset()
            first = likeliest(await model.next(model.prompt)).logProbability
            return { '': performance.now() - began }
          },
          check: () => [first],
          dispose: model.dispose,
        }
      },
      token: async (input: GenerateInput): Promise<Prepared> => {
        const model = await open(input)
        const first = likeliest(await model.next(model.prompt))
        let { token } = first
        return {
          async run() {
            const began = performance.now()
            token = likeliest(await model.next([token])).token
            return { '': performance.now() - began }
          },
          check: () => [first.logProbability],
          dispose: model.dispose,
        }
      },
    },
  }
}

/** A session and its cache, which goes in and out with every run, as in transformers.js. */
async function openLlama({ InferenceSession, Tensor }: OnnxRuntimeWeb, input: GenerateInput) {
  const { config, tokens: prompt, weights } = noiseLlama(input)
  const model = onnxLlama(config, new Map(weights()), input.T + roomForAnswers)
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' })
  let length = 0
  let cache: Record<string, Tensor> = {}
  const names = Array.from({ length: config.numLayers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat()
  const reset = () => {
    for (const tensor of Object.values(cache)) tensor.dispose()
    length = 0
    const empty = () => new Tensor('float32', new Float32Array(0), [1, config.numKvHeads, 0, config.headDim])
    cache = Object.fromEntries(names.map((name) => [`past.${name}`, empty()]))
  }
  reset()
  return {
    prompt,
    reset,
    /** Logits after the tokens. */
    async next(tokens: readonly number[]): Promise<Float32Array> {
      length += tokens.length
      const outputs = await session.run({
        ...cache,
        input_ids: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
        seqlens_k: new Tensor('int32', Int32Array.of(length - 1), [1]),
        total: new Tensor('int32', Int32Array.of(length), []),
      })
      for (const tensor of Object.values(cache)) tensor.dispose()
      cache = Object.fromEntries(names.map((name) => [`past.${name}`, outputs[`present.${name}`]!]))
      return outputs.logits!.data
    },
    dispose: () => void session.release(),
  }
}

function likeliest(logits: Float32Array): { token: number; logProbability: number } {
  let token = 0
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[token]!) token = id
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - logits[token]!)
  return { token, logProbability: -Math.log(sum) }
}
