import { type LlamaConfig, windowOf } from '../config.ts'
import { exportRope } from './export-rope.ts'
import type { Entry } from './write-header.ts'

export interface ExportConfig {
  readonly metadata: readonly Entry[]
  /** Divisors of the rotary frequencies that are stored as tensors. */
  readonly ropeFactors: Readonly<Record<string, Float32Array>>
}

const architectures = { llama: 'llama', mistral: 'llama', qwen2: 'qwen2', qwen3: 'qwen3', smollm3: 'smollm3' } as const

/** The metadata of a configuration. @throws RangeError naming the field that llama.cpp does not compute */
export function exportConfig(config: LlamaConfig): ExportConfig {
  const architecture = architectures[config.modelType ?? 'llama']
  refuseUnsupported(config, architecture)
  const { metadata: rope, ropeFactors } = exportRope(config, architecture)
  const number = (key: string, value: number): Entry => [`${architecture}.${key}`, 'uint32', value]
  return {
    metadata: [
      ['general.architecture', 'string', architecture],
      ['general.type', 'string', 'model'],
      number('context_length', config.maxPositionEmbeddings),
      number('embedding_length', config.hiddenSize),
      number('block_count', config.numLayers),
      number('feed_forward_length', config.intermediateSize),
      number('attention.head_count', config.numHeads),
      number('attention.head_count_kv', config.numKvHeads),
      number('attention.key_length', config.headDim),
      number('attention.value_length', config.headDim),
      number('rope.dimension_count', config.headDim),
      number('vocab_size', config.vocabSize),
      [`${architecture}.attention.layer_norm_rms_epsilon`, 'float32', config.rmsNormEps],
      ...rope,
    ],
    ropeFactors,
  }
}

function refuseUnsupported(config: LlamaConfig, architecture: string): void {
  const { numLayers, noRopeLayers = [], maxPositionEmbeddings, queryKeyNorm = false, attentionBias, mlpBias = false } = config
  const layers = Array.from({ length: numLayers }, (_, layer) => layer)
  const narrow = layers.find((layer) => (windowOf(config, layer) ?? maxPositionEmbeddings) < maxPositionEmbeddings)
  if (narrow !== undefined) {
    throw refusal('slidingWindow', config.slidingWindow, `llama.cpp has none for ${architecture}; maxPositionEmbeddings must not exceed it`)
  }
  const still = architecture === 'smollm3' ? layers.filter((layer) => layer % 4 === 3) : []
  if (String(noRopeLayers.toSorted((a, b) => a - b)) !== String(still)) {
    throw refusal('noRopeLayers', noRopeLayers, `in llama.cpp they are [${still}] for ${architecture}`)
  }
  if (queryKeyNorm !== (architecture === 'qwen3')) {
    throw refusal('queryKeyNorm', queryKeyNorm, "llama.cpp has it for modelType 'qwen3' and for no other")
  }
  const allowed = { llama: [undefined, 'qkv', 'all'], qwen2: ['qkv'] }[architecture] ?? [undefined]
  if (!allowed.includes(attentionBias)) throw refusal('attentionBias', attentionBias, `llama.cpp has others for ${architecture}`)
  if (mlpBias && architecture !== 'llama') throw refusal('mlpBias', true, `llama.cpp has none for ${architecture}`)
}

const refusal = (field: string, value: unknown, rule: string) =>
  new RangeError(`exportGguf: config.${field} is ${JSON.stringify(value)}; ${rule}.`)
