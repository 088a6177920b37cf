import * as tf from '@tensorflow/tfjs-core'
import type { RopeOptions } from 'rope-abf'
import { ropeTable } from 'rope-abf/tfjs'
import { type LlamaConfig, windowOf } from '../config.ts'
import { outputWeight, runLayers } from '../forward.ts'
import type { Params } from '../params.ts'
import { uniform } from '../random.ts'
import { layerCache } from './kv-cache.ts'
import type { KeySegments, LayerCache } from './layer-cache.ts'
import { layerStep } from './layer-step.ts'
import type { GeneratedToken, SamplingOptions } from './options.ts'
import { sample } from './sample.ts'

const prefillTokens = 512 // tokens of all prompts together that go through the network at once

/** One prompt on its way. */
interface Row {
  /** Tokens that the prompt is shorter than the longest: it is padded at its start, so that all rows end together. */
  readonly padding: number
  readonly seen: Set<number>
  readonly random: () => number
  done: boolean
}

/** The generator behind `generate` and `generateBatch`; options are checked. */
export async function* continueRows(
  params: Params,
  config: LlamaConfig,
  prompts: readonly ArrayLike<number>[],
  options: SamplingOptions,
): AsyncGenerator<GeneratedToken & { readonly row: number }, void, undefined> {
  const { maxNewTokens, seed = 0, signal } = options
  const stopTokens = new Set(options.stopTokens ?? (config.eosTokenId === null ? [] : [config.eosTokenId].flat()))
  const longest = Math.max(...prompts.map(({ length }) => length))
  const rows = prompts.map((tokens, row): Row => {
    const random = uniform(seed, row === 0 ? '' : String(row))
    return { padding: longest - tokens.length, seen: new Set(Array.from(tokens)), random, done: false }
  })
  const settled = { ...config, rope: forLength(config.rope, longest + maxNewTokens) }
  const cache = Array.from({ length: config.numLayers }, () => layerCache(config, longest))
  const pass: CachedPass = { params, config: settled, cache, paddings: rows.map(({ padding }) => padding) }
  // what the cache has not seen yet
  let next = prompts.map((tokens) => [...Array.from({ length: longest - tokens.length }, () => 0), ...Array.from(tokens)])
  const chunk = Math.max(16, Math.floor(prefillTokens / rows.length))
  let first = 0
  try {
    for (let made = 0; made < maxNewTokens; made++) {
      let logits: tf.Tensor | undefined
      while (next[0]!.length > 0) {
        await letOthersRun(signal)
        const tokens = next.map((row) => row.splice(0, chunk))
        logits?.dispose()
        logits = nextLogits(pass, tokens, first)
        first += tokens[0]!.length
      }
      const values = await read(logits!)
      const vocabulary = values.length / rows.length
      next = rows.map(() => [0])
      for (const [i, row] of rows.entries()) {
        if (row.done) continue
        const own = values.subarray(i * vocabulary, (i + 1) * vocabulary)
        const generated = sample(own, row.seen, options, row.random)
        yield { ...generated, row: i }
        row.seen.add(generated.token)
        row.done = stopTokens.has(generated.token)
        next[i] = [generated.token]
      }
      if (rows.every(({ done }) => done)) return
    }
  } finally {
    for (const layer of cache) layer.dispose()
  }
}

/** Awaiting a backend on the host never leaves the microtask queue, and no timer or button could fire the signal. */
async function letOthersRun(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return
  await new Promise((resolve) => setTimeout(resolve, 0))
  signal.throwIfAborted()
}

async function read(logits: tf.Tensor): Promise<Float32Array> {
  try {
    return await logits.data<'float32'>()
  } finally {
    logits.dispose()
  }
}

interface CachedPass {
  readonly params: Params
  readonly config: LlamaConfig
  readonly cache: readonly LayerCache[]
  readonly paddings: readonly number[]
}

/** Appends tokens [B][T], number `first` and those after it of every row, padding counted, to the cache; logits [B, V] after the last. */
function nextLogits({ params, config, cache, paddings }: CachedPass, tokens: readonly (readonly number[])[], first: number): tf.Tensor {
  const [B, T] = [tokens.length, tokens[0]!.length]
  const isPadded = paddings.some((padding) => padding > 0)
  return tf.tidy(() => {
    const ids = tf.tensor2d(Int32Array.from(tokens.flat()), [B, T], 'int32')
    const positionsOf = (padding: number) => Int32Array.from({ length: T }, (_, t) => Math.max(0, first + t - padding))
    const positions = isPadded
      ? tf.tensor2d(Int32Array.from(paddings.flatMap((padding) => [...positionsOf(padding)])), [B, T], 'int32')
      : positionsOf(0)
    const made = new Map<string, tf.Tensor2D>()
    const keySegments = isPadded ? segmentsBehind(paddings, made) : undefined
    const table = ropeTable(config.rope, positions)
    const shared = { params, config, batchSize: B, length: T, table }
    const hidden = runLayers(ids, {
      ...shared,
      attend: (query, key, value, layer) => cache[layer]!.attend(query, { key, value }, keySegments, windowOf(config, layer)),
      runLayer: layerStep({ ...shared, cache, keySegments }),
    })
    const C = hidden.shape[1]!
    const last = tf.reshape(tf.slice(tf.reshape(hidden, [B, T, C]), [0, T - 1, 0], [B, 1, C]), [B, C])
    tf.dispose([...made.values()])
    return tf.matMul(last, outputWeight(params), false, true)
  })
}

/** 0 for padding, 1 for tokens; for layers with the same part of the cache one tensor. */
const segmentsBehind =
  (paddings: readonly number[], made: Map<string, tf.Tensor2D>): KeySegments =>
  (first, length) => {
    const key = `${first} ${length}`
    const known = made.get(key)
    if (known) return known
    const ids = paddings.map((padding) => Array.from({ length }, (_, s) => (first + s < padding ? 0 : 1)))
    const tensor = tf.keep(tf.tensor2d(ids, [paddings.length, length], 'int32')) // outlives the layer that asks first
    made.set(key, tensor)
    return tensor
  }

/** Keys that were cached must turn as fast as those to come. */
function forLength(rope: RopeOptions, sequenceLength: number): RopeOptions {
  const { scaling } = rope
  if (scaling?.kind === 'dynamic') return { ...rope, scaling: { sequenceLength, ...scaling } }
  if (scaling?.kind === 'longrope') return { ...rope, scaling: { sequenceLength, ...scaling } }
  return rope
}
