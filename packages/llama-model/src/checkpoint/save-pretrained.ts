import type * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import { toHuggingFaceConfig } from '../hugging-face-config.ts'
import { checkParams, type Params, paramShapes } from '../params.ts'
import { bytesPerFloat, encodeFloats, type FloatType } from './half.ts'
import { nodeModules } from './node.ts'
import { type Entry, makeHeader } from './safetensors-header.ts'

export interface SaveOptions {
  readonly params: Params
  readonly config: LlamaConfig
  /** Files to put beside the weights, for example `{ 'tokenizer.json': json }`. */
  readonly tokenizer?: Readonly<Record<string, string | Uint8Array>> | undefined
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
  const { params, config, tokenizer = {}, maxShardBytes = 5e9, dtype = 'float32' } = options
  const node = nodeModules()
  if (!node) throw new Error('savePretrained: needs a file system (Node ≥ 20.19, Bun or Deno).')
  const { fs, path } = node
  const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (!type) throw new RangeError(`savePretrained: dtype is '${dtype}'; choose from ${Object.keys(types).join(', ')}.`)
  if (!(maxShardBytes > 0)) throw new RangeError(`savePretrained: maxShardBytes is ${maxShardBytes}; it must be positive.`)
  const shards = planShards(params, config, type, maxShardBytes)
  const files = smallFiles(config, dtype, tokenizer, shards)
  const target = path.resolve(dir)
  await refuseOtherFiles(target, Object.keys(tokenizer))
  const [temporary, old] = [`${target}.tmp`, `${target}.old`]
  try {
    await fs.rm(temporary, { recursive: true, force: true })
    await fs.mkdir(temporary, { recursive: true })
    for (const [name, content] of Object.entries(files)) await writeFile(path.join(temporary, name), [content])
    for (const { file, entries } of shards) await writeFile(path.join(temporary, file), shardBytes(entries, params))
    await fs.rm(old, { recursive: true, force: true })
    await fs.rename(target, old).catch(ignoreMissing)
    await fs.rename(temporary, target)
    await fs.rm(old, { recursive: true, force: true })
  } catch (error) {
    await fs.rename(old, target).catch(() => {}) // puts back what was moved away; the first error is the one to hear about
    await fs.rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw new Error(`savePretrained: cannot write ${target}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
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
  tokenizer: Readonly<Record<string, string | Uint8Array>>,
  shards: readonly Shard[],
): Record<string, string | Uint8Array> {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  const own: Record<string, string> = {
    'config.json': json(toHuggingFaceConfig(config, dtype)),
    'generation_config.json': json({ _from_model_config: true, bos_token_id: config.bosTokenId, eos_token_id: config.eosTokenId }),
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

async function refuseOtherFiles(target: string, tokenizerFiles: readonly string[]): Promise<void> {
  const names = await nodeModules()!.fs.readdir(target).catch(ignoreMissing)
  const other = names?.find((name) => !modelFile.test(name) && !tokenizerFiles.includes(name))
  if (other !== undefined) {
    throw new RangeError(
      `savePretrained: ${target} holds '${other}', which is not part of a model and would be lost; choose another folder.`,
    )
  }
}

async function* shardBytes(entries: readonly Entry[], params: Params): AsyncGenerator<Uint8Array> {
  yield makeHeader(entries)
  for (const { name, type } of entries) {
    const values = await (params[name] as tf.Tensor).data<'float32'>()
    yield encodeFloats(values, type)
  }
}

/** Writes the parts and waits until they are on the disk. */
async function writeFile(file: string, parts: Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await nodeModules()!.fs.open(file, 'w')
  try {
    for await (const part of parts) await handle.writeFile(part)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreMissing(error: { code?: unknown }): undefined {
  if (error.code !== 'ENOENT') throw error
}
