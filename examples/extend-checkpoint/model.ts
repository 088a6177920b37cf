// The checkpoint that is extended: what it is, which of its parameters learn, and the model at every stage.
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { initLora, isLoraParam, type LlamaConfig, type LoadedModel, loadPretrained, mergeLora, type Params } from 'llama-model'
import { makeTokenizer, type TextTokenizer } from 'llama-model/chat'
import type { Tokenizer } from 'long-context-eval'
import { latestCheckpoint, loadCheckpoint } from 'trainer'
import type { Settings } from './settings.ts'

export interface Checkpoint {
  /** As it was trained. */
  readonly config: LlamaConfig
  readonly chat: TextTokenizer
  /** Whether it has a chat template, so that it was made for conversations. */
  readonly isChatModel: boolean
  /** Encodes without special tokens. */
  readonly tokenizer: Tokenizer
  /** The tokenizer's files, for the models to be saved. */
  readonly files: Readonly<Record<string, string>>
  /** Files of a folder that are kept where they still hold. */
  readonly original: LoadedModel['original']
  /** What every text begins with: the beginning-of-text token, where the tokenizer adds one. */
  readonly begin: readonly number[]
  /** Everything anew from `--model`; the caller disposes `params`. */
  load(): Promise<LoadedModel>
}

/** Reads and checks `--model` and `--length`. Throws an Error that says what is wrong with which of them. */
export async function openCheckpoint({ model, length, runs }: Pick<Settings, 'model' | 'length' | 'runs'>): Promise<Checkpoint> {
  const cache = /^https?:/i.test(model) ? { cache: join(runs, 'downloads') } : {}
  const load = () => loadPretrained(model, cache)
  const { params, config, tokenizer: files, original } = await load()
  tf.dispose(params)
  if (length <= config.maxPositionEmbeddings)
    throw new Error(
      `--length ${length}: ${model} was trained on ${config.maxPositionEmbeddings} tokens already; choose a longer one, such as ${2 * config.maxPositionEmbeddings}`,
    )
  if (files['tokenizer.json'] === undefined)
    throw new Error(`--model ${model}: its tokenizer.json is missing; put it beside the weights, texts cannot be read without it`)
  const chat = makeTokenizer(files)
  const tokenizer: Tokenizer = {
    encode: (text) => chat.encode(text, { specialTokens: false }),
    decode: (tokens) => chat.decode(Array.from(tokens)),
  }
  return { config, chat, isChatModel: canChat(chat), tokenizer, files: forLength(files, length), original, begin: chat.encode(''), load }
}

function canChat(chat: TextTokenizer): boolean {
  try {
    return chat.encodeChat([{ role: 'user', content: 'Hello' }]).length > 0
  } catch {
    return false
  }
}

/** Tokenizers remember the longest input too. */
function forLength(files: Readonly<Record<string, string>>, length: number): Record<string, string> {
  const settings = JSON.parse(files['tokenizer_config.json'] ?? '{}')
  if (settings.model_max_length === undefined) return { ...files }
  return { ...files, 'tokenizer_config.json': JSON.stringify({ ...settings, model_max_length: length }, null, 2) }
}

/** `config` with the low-rank updates of `--method lora`: of attention, as in LongLoRA (Chen et al. 2023, arXiv 2309.12307). */
export const withLora = (config: LlamaConfig, { method, rank }: Settings): LlamaConfig =>
  method === 'full' ? config : { ...config, lora: { rank, alpha: 2 * rank, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] } }

const isNormOrEmbedding = (name: string) => /norm|embed_tokens|lm_head/.test(name)

/** Which parameters learn. Norms and embeddings do with low-rank updates too: LongLoRA found that the others alone do not suffice. */
export const learns =
  ({ method }: Settings) =>
  (name: string): boolean =>
    method === 'full' || isLoraParam(name) || isNormOrEmbedding(name)

export interface Learner {
  /** With the low-rank updates. */
  readonly config: LlamaConfig
  readonly frozen: Params
  /** What learns; training replaces its tensors. */
  readonly learning: Params
}

/** The checkpoint with another `config`, as the training whose checkpoints are in the folder `from` left it, or as it was. */
export async function openLearner(checkpoint: Checkpoint, settings: Settings, config: LlamaConfig, from?: string): Promise<Learner> {
  const adapted = withLora(config, settings)
  const { params } = await checkpoint.load()
  const all = adapted.lora ? { ...params, ...initLora(adapted, settings.seed) } : params
  const parts = (wanted: boolean) => Object.fromEntries(Object.entries(all).filter(([name]) => learns(settings)(name) === wanted))
  const [frozen, learning] = [parts(false), parts(true)]
  if (from !== undefined) {
    const { path } = await latestCheckpoint(from)
    if (path === undefined) throw new Error(`${from} holds no whole checkpoint; delete the run's folder to start anew`)
    const { params: learnt, optimizerState } = await loadCheckpoint(path)
    tf.dispose([optimizerState, learning])
    Object.assign(learning, learnt)
  }
  return { config: adapted, frozen, learning }
}

/** The plain model: low-rank updates become part of the weights. Disposes the learner. */
export function merged({ config, frozen, learning }: Learner): { params: Params; config: LlamaConfig } {
  const params = { ...frozen, ...learning }
  if (!config.lora) return { params, config }
  const model = mergeLora(params, config)
  tf.dispose(params)
  return model
}
