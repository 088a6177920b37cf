import type * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import { checkParams, type Params, paramShapes } from '../params.ts'
import { bytesPerFloat, encodeFloats, type FloatType } from './half.ts'
import { configText, generationText, json, type OriginalFiles } from './original-files.ts'
import { replaceFolder } from './replace-folder.ts'
import { type Entry, makeHeader } from './safetensors-header.ts'
import type { FileContent } from './write-file.ts'

export interface SaveOptions {
  readonly params: Params
  readonly config: LlamaConfig
  /** Files to put beside the weights, for example `{ 'tokenizer.json': json }`. */
  readonly tokenizer?: Readonly<Record<string, string | Uint8Array>> | undefined
  /** What `loadPretrained` returns under this name: these files stay byte for byte where they still say what `config` says, and keep their further fields. */
  readonly original?: OriginalFiles | undefined
  /** Weights go to several files when they are more; default 5·10⁹. */
  readonly maxShardBytes?: number | undefined
  /** How weights are stored; default 'float32'. The halves round to the nearest. */
  readonly dtype?: 'float32' | 'float16' | 'bfloat16' | undefined
}

const types: Readonly<Record<string, FloatType>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

/** Files that a save may replace. */
const modelFile =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|merges|chat_template)\.\w+$|^model.*\.safetensors(\.index\.json)?$/

/**
 * Writes a folder that transformers, and every other reader of its layout, opens: `config.json`, `generation_config.json`,
 * `model.safetensors` (or shards and their index), and the tokenizer's files. All or nothing: written to `<dir>.tmp`, synced, renamed; a model
 * that was there before is replaced. One tensor in host memory at a time. Disposes nothing. Node only.
 *
 * @throws before anything is written: TypeError, RangeError when params and config do not fit, a dtype is unknown, or `dir` holds files
 *   that are not of a model. Error with the system's cause when a write fails; what was there before is then untouched.
 */
export async function savePretrained(dir: string, options: SaveOptions): Promise<void> {
  const { params, config, original = {}, maxShardBytes = 5e9, dtype = 'float32' } = options
  const { 'config.json': _config, 'generation_config.json': _generation, ...others } = original
  const tokenizer = { ...others, ...options.tokenizer }
  const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (!type) throw new RangeError(`savePretrained: dtype is '${dtype}'; choose from ${Object.keys(types).join(', ')}.`)
  if (!(maxShardBytes > 0)) throw new RangeError(`savePretrained: maxShardBytes is ${maxShardBytes}; it must be positive.`)
  const shards = planShards(params, config, type, maxShardBytes)
  const files: Record<string, FileContent> = smallFiles(config, dtype, original, tokenizer, shards)
  for (const { file, entries } of shards) files[file] = () => shardBytes(entries, params)
  await replaceFolder('savePretrained', dir, files, (name) => modelFile.test(name) || name in tokenizer)
}

interface Shard {
  readonly file: string
  readonly entries: readonly Entry[]
}

/** Weights in order, a new file whenever the next would not fit. */
function planShards(params: Params, config: LlamaConfig, type: FloatType, maxShardBytes: number): Shard[] {
  checkParams('savePretrained', params, config)
  const shapes = paramShapes(config)
  const unexpected = Object.keys(params).find((name) => !shapes.has(name))
  if (unexpected !== undefined) throw new RangeError(`savePretrained: params['${unexpected}'] is unexpected; config has no such weight.`)
  const groups: Entry[][] = [[]]
  let size = 0
  for (const [name, shape] of shapes) {
    const bytes = shape.reduce((product, length) => product * length, bytesPerFloat[type])
    if (size > 0 && size + bytes > maxShardBytes) {
      groups.push([])
      size = 0
    }
    groups.at(-1)!.push({ name, type, shape, bytes })
    size += bytes
  }
  const number = (i: number) => String(i).padStart(5, '0')
  const nameOf = (i: number) =>
    groups.length === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`
  return groups.map((entries, i) => ({ file: nameOf(i), entries }))
}

function smallFiles(
  config: LlamaConfig,
  dtype: string,
  original: OriginalFiles,
  tokenizer: Readonly<Record<string, string | Uint8Array>>,
  shards: readonly Shard[],
): Record<string, string | Uint8Array> {
  const own: Record<string, string> = {
    'config.json': configText(config, dtype, original),
    'generation_config.json': generationText(config, original),
  }
  if (shards.length > 1) {
    const all = shards.flatMap(({ entries }) => entries)
    own['model.safetensors.index.json'] = json({
      metadata: { total_size: all.reduce((sum, { bytes }) => sum + bytes, 0) },
      weight_map: Object.fromEntries(shards.flatMap(({ file, entries }) => entries.map(({ name }) => [name, file]))),
    })
  }
  for (const name of Object.keys(tokenizer)) {
    if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name) || name in own || name.endsWith('.safetensors')) {
      throw new RangeError(`savePretrained: tokenizer['${name}'] cannot be written; use a plain file name such as 'tokenizer.json'.`)
    }
  }
  return { ...own, ...tokenizer }
}

async function* shardBytes(entries: readonly Entry[], params: Params): AsyncGenerator<Uint8Array> {
  yield makeHeader(entries)
  for (const { name, type } of entries) {
    const values = await (params[name] as tf.Tensor).data<'float32'>()
    yield encodeFloats(values, type)
  }
}
