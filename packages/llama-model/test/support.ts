import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type Batch, initParams, type LlamaConfig, llamaConfig, type Params } from 'llama-model'

/** A Llama of two layers in which no two sizes are equal, so that no axis can be mistaken for another. */
export const smallConfig: LlamaConfig = {
  ...llamaConfig('tiny'),
  vocabSize: 40,
  hiddenSize: 20,
  intermediateSize: 28,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  maxPositionEmbeddings: 64,
  rope: { headDim: 8, base: 10_000 },
  rmsNormEps: 1e-5,
  tieWordEmbeddings: false,
  initializerRange: 0.3,
  bosTokenId: 1,
  eosTokenId: 2,
}

/** `initParams` with norms that are not 1, which would hide whether they are used. */
export function makeParams(config: LlamaConfig, seed = 7): Params {
  const params = initParams(config, seed)
  for (const [name, param] of Object.entries(params)) {
    if (param.rank !== 1) continue
    params[name] = tf.tensor1d(Float32Array.from({ length: param.size }, (_, i) => 1 + (((i * 7) % 5) - 2) / 8))
    param.dispose()
  }
  return params
}

/** int32 [rows, length] by a fixed formula. */
export const tokenIds = (rows: number, length: number, vocabSize: number): number[][] =>
  Array.from({ length: rows }, (_, b) => Array.from({ length }, (_, t) => (t * t * 7 + t * 3 + b * 11 + 5) % vocabSize))

export interface Rows {
  readonly tokens: readonly (readonly number[])[]
  readonly segmentIds?: readonly (readonly number[])[] | undefined
  readonly positions?: readonly (readonly number[])[] | undefined
  readonly lossWeights?: readonly (readonly number[])[] | undefined
}

export const batchOf = ({ tokens, segmentIds, positions, lossWeights }: Rows): Batch => {
  const int = (rows: readonly (readonly number[])[]) =>
    tf.tensor2d(
      rows.map((row) => [...row]),
      undefined,
      'int32',
    )
  return {
    tokens: int(tokens),
    ...(segmentIds && { segmentIds: int(segmentIds) }),
    ...(positions && { positions: int(positions) }),
    ...(lossWeights && { lossWeights: tf.tensor2d(lossWeights.map((row) => [...row])) }),
  }
}

/** Value of `f(params)` and its gradients by name; the caller disposes nothing. */
export function valueAndGradients(
  f: (params: Params) => tf.Scalar,
  params: Params,
): { value: number; gradients: Record<string, Float32Array> } {
  return tf.tidy(() => {
    const { value, grads } = tf.valueAndGrads((..._: tf.Tensor[]) => f(params))(Object.values(params))
    const gradients = Object.keys(params).map((name, i) => [name, grads[i]!.dataSync() as Float32Array])
    return { value: value.dataSync()[0]!, gradients: Object.fromEntries(gradients) }
  })
}

export async function withFolder<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'llama-model-'))
  try {
    return await body(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

/** Numbers with a fixed pattern, for projections of gradients. */
export const probe = (length: number): number[] => Array.from({ length }, (_, i) => ((i * 37) % 11) - 5)
