import * as tf from '@tensorflow/tfjs-core'
import type { RopeOptions } from 'rope-abf'
import { ropeTable } from 'rope-abf/tfjs'
import type { LlamaConfig } from '../config.ts'
import { outputWeight, runLayers } from '../forward.ts'
import { checkParams, type Params } from '../params.ts'
import { uniform } from '../random.ts'
import { append, attendToCache, type LayerCache } from './kv-cache.ts'
import { checkGenerateOptions, type GenerateOptions } from './options.ts'
import { sample } from './sample.ts'

export interface GeneratedToken {
  readonly token: number
  /** Natural logarithm of the token's probability under the model: temperature 1, all tokens. */
  readonly logProbability: number
}

const prefillTokens = 512 // tokens of the prompt that go through the network at once

/**
 * Continues `tokens`, one token at a time, with a cache of keys and values; a stop token is the last one yielded. With temperature 0 these are
 * the tokens that `forward` finds likeliest. Reads the device asynchronously, once a token; params must stay alive meanwhile. All that
 * it allocates is freed at the end, at a `break` and when something throws. Lengths beyond `maxPositionEmbeddings` are computed as any other.
 *
 * Rope scalings that depend on the sequence's length (`dynamic`, `longrope`) take it to be `tokens.length + maxNewTokens` throughout.
 * @throws TypeError, RangeError for params or options that do not fit, when called; the signal's reason when it is aborted
 */
export function generate(params: Params, config: LlamaConfig, options: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  checkParams('generate', params, config)
  checkGenerateOptions(options, config)
  return run(params, config, options)
}

async function* run(params: Params, config: LlamaConfig, options: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  const { tokens, maxNewTokens, temperature = 0, topK = config.vocabSize, topP = 1, seed = 0, signal } = options
  const stopTokens = new Set(options.stopTokens ?? (config.eosTokenId === null ? [] : [config.eosTokenId].flat()))
  const random = uniform(seed)
  const settled = { ...config, rope: forLength(config.rope, tokens.length + maxNewTokens) }
  const cache: LayerCache[] = Array.from({ length: config.numLayers }, () => ({ long: undefined, recent: undefined }))
  let next = Array.from(tokens) // what the cache has not seen yet
  let seen = 0
  try {
    for (let made = 0; made < maxNewTokens; made++) {
      let logits: tf.Tensor | undefined
      while (next.length > 0) {
        await letOthersRun(signal)
        const chunk = next.splice(0, prefillTokens)
        logits?.dispose()
        logits = nextLogits(params, settled, cache, chunk, seen)
        seen += chunk.length
      }
      const generated = sample(await read(logits!), { temperature, topK, topP, random })
      yield generated
      if (stopTokens.has(generated.token)) return
      next = [generated.token]
    }
  } finally {
    tf.dispose(cache.map(({ long, recent }) => [long ?? [], recent ?? []]))
  }
}

/** Awaiting a backend on the host never leaves the microtask queue, and no timer or button could fire the signal. */
async function letOthersRun(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return
  await new Promise((resolve) => setTimeout(resolve, 0))
  signal.throwIfAborted()
}

async function read(logits: tf.Tensor): Promise<ArrayLike<number>> {
  try {
    return await logits.data()
  } finally {
    logits.dispose()
  }
}

/** Appends tokens at positions `first`, `first + 1`, … to the cache; logits [1, V] after the last. */
function nextLogits(params: Params, config: LlamaConfig, cache: LayerCache[], tokens: ArrayLike<number>, first: number): tf.Tensor {
  const length = tokens.length
  return tf.tidy(() => {
    const ids = tf.tensor2d(Int32Array.from(tokens), [1, length], 'int32')
    const positions = Int32Array.from({ length }, (_, t) => first + t)
    const hidden = runLayers(ids, {
      params,
      config,
      batchSize: 1,
      length,
      table: ropeTable(config.rope, positions),
      attend(query, key, value, layer) {
        append(cache[layer]!, { key, value })
        return attendToCache(query, cache[layer]!)
      },
    })
    return tf.matMul(tf.slice(hidden, [length - 1, 0], [1, -1]), outputWeight(params), false, true)
  })
}

/** Keys that were cached must turn as fast as those to come. */
function forLength(rope: RopeOptions, sequenceLength: number): RopeOptions {
  const { scaling } = rope
  if (scaling?.kind === 'dynamic') return { ...rope, scaling: { sequenceLength, ...scaling } }
  if (scaling?.kind === 'longrope') return { ...rope, scaling: { sequenceLength, ...scaling } }
  return rope
}
