import type { RopeOptions } from 'rope-abf'
import { readHuggingFaceConfig } from './hugging-face-config.ts'
import { checkLora, type LoraConfig } from './lora/lora-config.ts'
import { type PresetName, presets } from './presets.ts'

/** `model_type` of the configurations that are read and written. */
export type ModelType = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'smollm3'

/** Shape and constants of a Llama or one of its kin. A plain object: change it by spread, `{ ...config, rope, maxPositionEmbeddings }`. */
export interface LlamaConfig {
  readonly vocabSize: number
  /** Width C of the residual stream. */
  readonly hiddenSize: number
  /** Width F of the MLP. */
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  /** Key/value heads; a divisor of `numHeads` (grouped queries). */
  readonly numKvHeads: number
  /** Width D of a head; even. */
  readonly headDim: number
  /** The length the model is meant for. Nothing here is limited by it; it is kept for other readers of the checkpoint. */
  readonly maxPositionEmbeddings: number
  /** Rotary frequencies; `rope.headDim` equals `headDim`. */
  readonly rope: RopeOptions
  readonly rmsNormEps: number
  /** Whether the output layer is the embedding; then params hold no `lm_head.weight`. */
  readonly tieWordEmbeddings: boolean
  /** Standard deviation of `initParams`. */
  readonly initializerRange: number
  readonly bosTokenId: number | null
  /** Where `generate` stops unless told otherwise. */
  readonly eosTokenId: number | readonly number[] | null
  /** Under which name the model is saved; what is computed follows from the other fields alone. Default 'llama'. */
  readonly modelType?: ModelType | undefined
  /** Biases of query, key and value ('qkv', as Qwen 2 has them), or of the output projection too ('all'). Default none. */
  readonly attentionBias?: 'qkv' | 'all' | undefined
  /** Biases of the MLP's three matrices; default false. */
  readonly mlpBias?: boolean | undefined
  /** RMSNorm of every head's query and key before they turn (Qwen 3); default false. */
  readonly queryKeyNorm?: boolean | undefined
  /** A token sees itself and the `slidingWindow − 1` tokens before it (Mistral); default: all. */
  readonly slidingWindow?: number | undefined
  /** Layers whose tokens see everything in spite of `slidingWindow`; default none. */
  readonly fullAttentionLayers?: readonly number[] | undefined
  /** Layers whose queries and keys do not turn (SmolLM 3); default none. */
  readonly noRopeLayers?: readonly number[] | undefined
  /** Low-rank updates that params hold besides (`initLora`); default none. Not part of the saved model. */
  readonly lora?: LoraConfig | undefined
}

/** Tokens a token of this layer sees, itself included; undefined: all. */
export const windowOf = ({ slidingWindow, fullAttentionLayers = [] }: LlamaConfig, layer: number): number | undefined =>
  fullAttentionLayers.includes(layer) ? undefined : slidingWindow

/**
 * The configuration of a preset (`llama2-7b`, `llama2-13b`, `llama2-34b`, `llama2-70b`, `tiny`), or of a parsed Hugging Face
 * `config.json` of model type `llama`, `mistral`, `qwen2`, `qwen3` or `smollm3` in the spelling of transformers 4 or 5. Keys that it
 * leaves out get transformers' defaults for the model type; the sizes of the network may not be left out.
 *
 * @throws RangeError for a preset that does not exist, another architecture, or a setting that this package does not compute
 *   (other activations, quantised weights, …), naming field and value; TypeError for a missing size
 */
export function llamaConfig(source: PresetName | Readonly<Record<string, unknown>>): LlamaConfig {
  if (typeof source !== 'string') return checkConfig('llamaConfig', readHuggingFaceConfig(source))
  const preset = Object.hasOwn(presets, source) ? presets[source] : undefined
  if (!preset) throw new RangeError(`llamaConfig: preset '${source}' does not exist; choose from ${Object.keys(presets).join(', ')}.`)
  return preset
}

export const maxLayers = 10_000 // a damaged file must not make a list of billions of weights

/** @throws RangeError when the numbers of a configuration do not fit each other; `who` starts the message */
export function checkConfig(who: string, config: LlamaConfig): LlamaConfig {
  const { numHeads, numKvHeads, headDim, rope, rmsNormEps, initializerRange } = config
  const sizes = ['vocabSize', 'hiddenSize', 'intermediateSize', 'numLayers', 'numHeads', 'numKvHeads', 'headDim'] as const
  for (const key of [...sizes, 'maxPositionEmbeddings'] as const) {
    const value: unknown = config[key]
    if (!Number.isSafeInteger(value) || config[key] < 1) {
      throw new RangeError(`${who}: config.${key} is ${String(value)}; it must be a whole number ≥ 1.`)
    }
  }
  if (config.numLayers > maxLayers) {
    throw new RangeError(`${who}: config.numLayers is ${config.numLayers}; more than ${maxLayers} are taken for a mistake.`)
  }
  if (numHeads % numKvHeads !== 0) {
    throw new RangeError(`${who}: config.numHeads is ${numHeads} and numKvHeads ${numKvHeads}; the first must be a multiple of the second.`)
  }
  if (headDim % 2 !== 0) throw new RangeError(`${who}: config.headDim is ${headDim}; rotary channels turn in pairs, so it must be even.`)
  if (rope?.headDim !== headDim) {
    throw new RangeError(`${who}: config.rope.headDim is ${String(rope?.headDim)} and headDim ${headDim}; make them equal.`)
  }
  if (!(rmsNormEps > 0)) throw new RangeError(`${who}: config.rmsNormEps is ${rmsNormEps}; it must be positive, such as 1e-5.`)
  const { slidingWindow = 1, fullAttentionLayers = [], noRopeLayers = [] } = config
  if (!Number.isSafeInteger(slidingWindow) || slidingWindow < 1) {
    throw new RangeError(`${who}: config.slidingWindow is ${slidingWindow}; it must be a whole number ≥ 1, or undefined.`)
  }
  for (const [key, layers] of Object.entries({ fullAttentionLayers, noRopeLayers })) {
    const wrong = layers.find((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < config.numLayers))
    if (wrong !== undefined) throw new RangeError(`${who}: config.${key} has ${wrong}; layers are 0 to ${config.numLayers - 1}.`)
  }
  if (!(initializerRange >= 0)) {
    throw new RangeError(`${who}: config.initializerRange is ${initializerRange}; it must be ≥ 0, such as 0.02.`)
  }
  checkLora(who, config)
  return config
}
