import * as tf from '@tensorflow/tfjs'
import { type GeneratedToken, generate, type LlamaConfig, llamaConfig, type Params } from 'llama-model'
import { noise } from '../../inputs.ts'
import type { Prepared } from '../../serve-peer.ts'

export interface GenerateInput {
  /** As config.json has it. */
  readonly config: Readonly<Record<string, unknown>>
  /** Tokens of the prompt. */
  readonly T: number
}

/** Names and shapes, sorted by name; embeddings tied. */
function shapesOf({ vocabSize: V, hiddenSize: C, intermediateSize: F, numLayers, numHeads: H, numKvHeads: K, headDim: D }: LlamaConfig) {
  const block = {
    input_layernorm: [C],
    'self_attn.q_proj': [H * D, C],
    'self_attn.k_proj': [K * D, C],
    'self_attn.v_proj': [K * D, C],
    'self_attn.o_proj': [C, H * D],
    post_attention_layernorm: [C],
    'mlp.gate_proj': [F, C],
    'mlp.up_proj': [F, C],
    'mlp.down_proj': [C, F],
  }
  const layers = Array.from({ length: numLayers }, (_, layer) =>
    Object.entries(block).map(([part, shape]): [string, readonly number[]] => [`model.layers.${layer}.${part}.weight`, shape]),
  )
  const all: [string, readonly number[]][] = [['model.embed_tokens.weight', [V, C]], ['model.norm.weight', [C]], ...layers.flat()]
  return all.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Weights and prompt from `noise`, as ../python/generate_works.py has them. */
function modelOf({ config: source, T }: GenerateInput) {
  const config = llamaConfig(source)
  const params: Params = {}
  for (const [seed, [name, shape]] of shapesOf(config).entries())
    params[name] = shape.length === 1 ? tf.ones([...shape]) : tf.tensor(noise(tf.util.sizeFromShape([...shape]), seed, 0.05), [...shape])
  const tokens = Array.from(noise(T, 1000), (x) => Math.floor(((x + 1) / 2) * config.vocabSize))
  const start = () => generate(params, config, { tokens, maxNewTokens: 1e5, stopTokens: [] })
  return { start, params }
}

/** From prompt to first token. */
export function preparePrefill(input: GenerateInput): Prepared {
  const { start, params } = modelOf(input)
  let first: GeneratedToken | undefined
  return {
    async run() {
      const began = performance.now()
      const stream = start()
      first = (await stream.next()).value as GeneratedToken
      const milliseconds = performance.now() - began
      await stream.return()
      return { '': milliseconds }
    },
    check: () => [first!.logProbability],
    dispose: () => tf.dispose(params),
  }
}

/** One token more, behind T of them. */
export async function prepareToken(input: GenerateInput): Promise<Prepared> {
  const { start, params } = modelOf(input)
  const stream = start()
  const { value } = await stream.next()
  const first = value as GeneratedToken
  return {
    async run() {
      const began = performance.now()
      await stream.next()
      return { '': performance.now() - began }
    },
    check: () => [first.logProbability],
    dispose() {
      void stream.return()
      tf.dispose(params)
    },
  }
}
