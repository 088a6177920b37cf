import * as tf from '@tensorflow/tfjs-core'
import { type LlamaConfig, llamaConfig } from '../config.ts'
import { type Params, paramShapes } from '../params.ts'
import { decodeFloats } from './half.ts'
import { type Entry, parseHeader } from './safetensors-header.ts'
import { type ByteStream, openSource, type Source } from './source.ts'

const single = 'model.safetensors'
const index = 'model.safetensors.index.json'

/**
 * Reads a Llama in the Hugging Face layout onto the current backend: `config.json`, and `model.safetensors` or the shards of
 * `model.safetensors.index.json`, of F32, F16 or BF16, which become float32. Files are read once, from first to last byte, one tensor in
 * host memory at a time.
 *
 * @param location folder, `file:` URL or `http(s):` URL of a folder; in a browser also a relative URL
 * @returns `params` in the order of the network, which the caller disposes, and `config`
 * @throws RangeError, TypeError or Error that names file, tensor and value when a file is missing, damaged or cut off, or when names
 *   and shapes are not those of the configuration; nothing stays allocated then
 */
export async function loadPretrained(location: string | URL): Promise<{ params: Params; config: LlamaConfig }> {
  const source = openSource(location)
  const config = llamaConfig(await readJson(source, 'config.json', 'Is this the folder of a model?'))
  const shapes = paramShapes(config)
  const loaded: Params = {}
  try {
    for (const file of await weightFiles(source, shapes)) await loadFile(source, file, shapes, loaded)
    checkNames(source.at(index), shapes, Object.keys(loaded)) // a shard may lack what the index promises
  } catch (error) {
    tf.dispose(loaded)
    throw error
  }
  const params: Params = {}
  for (const name of shapes.keys()) params[name] = loaded[name]!
  return { params, config }
}

/** Tensors of published checkpoints that hold nothing of their own: a tied output layer, and the frequencies of old versions of transformers. */
const isIgnored = (name: string, shapes: ReadonlyMap<string, unknown>): boolean =>
  (name === 'lm_head.weight' && !shapes.has(name)) || name.endsWith('.rotary_emb.inv_freq')

async function weightFiles(source: Source, shapes: ReadonlyMap<string, unknown>): Promise<string[]> {
  const stream = await source.open(single)
  if (stream) {
    await stream.close()
    return [single]
  }
  const { weight_map: files } = await readJson(source, index, `There is no ${single} either; convert other formats with transformers.`)
  if (typeof files !== 'object' || files === null) throw new RangeError(`loadPretrained: ${source.at(index)} has no weight_map.`)
  checkNames(source.at(index), shapes, Object.keys(files))
  return [...new Set(Object.values(files) as string[])].sort()
}

async function loadFile(source: Source, file: string, shapes: ReadonlyMap<string, readonly number[]>, loaded: Params): Promise<void> {
  const who = `loadPretrained: ${source.at(file)}`
  const stream = await source.open(file)
  if (!stream) throw new Error(`${who} does not exist, though ${index} names it. Download it too.`)
  try {
    const entries = await readHeader(who, stream)
    for (const { name, shape } of entries) {
      const expected = shapes.get(name)
      if (!expected && !isIgnored(name, shapes))
        throw new RangeError(`${who}: tensor '${name}' is unexpected; config.json has no such weight.`)
      if (name in loaded) throw new RangeError(`${who}: tensor '${name}' was in an earlier file already. Download or save the model again.`)
      if (expected && String(expected) !== String(shape)) {
        throw new RangeError(`${who}: tensor '${name}' has shape [${shape}]; by config.json it must be [${expected}].`)
      }
    }
    if (file === single)
      checkNames(
        source.at(file),
        shapes,
        entries.map(({ name }) => name),
      )
    for (const { name, type, shape, bytes } of entries) {
      const data = await stream.read(bytes)
      if (data.length < bytes) throw cutOff(who, `'${name}' needs ${bytes} bytes, ${data.length} are left`)
      if (shapes.has(name)) loaded[name] = tf.tensor(decodeFloats(data, type), [...shape], 'float32')
    }
  } finally {
    await stream.close()
  }
}

async function readHeader(who: string, stream: ByteStream): Promise<Entry[]> {
  const start = await stream.read(8)
  if (start.length < 8) throw cutOff(who, 'it has not even a header')
  const length = Number(new DataView(start.buffer).getBigUint64(0, true))
  if (length > 100e6) throw new RangeError(`${who}: its header would have ${length} bytes, so it is no safetensors file, or damaged.`)
  const json = await stream.read(length)
  if (json.length < length) throw cutOff(who, 'it ends within the header')
  const entries = parseHeader(who, new TextDecoder().decode(json))
  const size = entries.reduce((sum, { bytes }) => sum + bytes, 8 + length)
  if (stream.size !== undefined && stream.size !== size) {
    throw cutOff(who, `it has ${stream.size} bytes, and should have ${size}`)
  }
  return entries
}

const cutOff = (who: string, how: string) => new RangeError(`${who} is cut off or damaged: ${how}. Download or save it again.`)

function checkNames(where: string, shapes: ReadonlyMap<string, unknown>, names: readonly string[]): void {
  const found = new Set(names)
  const missing = [...shapes.keys()].filter((name) => !found.has(name))
  const unexpected = names.filter((name) => !shapes.has(name) && !isIgnored(name, shapes))
  for (const [what, list] of [
    ['missing', missing],
    ['unexpected', unexpected],
  ] as const) {
    if (list.length === 0) continue
    const shown = list.slice(0, 3).map((name) => `'${name}'`)
    throw new RangeError(
      `loadPretrained: ${where}: ${list.length} tensor(s) ${what}: ${shown.join(', ')}${list.length > 3 ? ', …' : ''}. ` +
        'config.json and weights must be of the same Llama.',
    )
  }
}

async function readJson(source: Source, name: string, hint: string): Promise<Record<string, unknown>> {
  const stream = await source.open(name)
  if (!stream) throw new Error(`loadPretrained: ${source.at(name)} does not exist. ${hint}`)
  try {
    const parts: string[] = []
    const decoder = new TextDecoder()
    for (let part = await stream.read(2 ** 16); part.length > 0; part = await stream.read(2 ** 16))
      parts.push(decoder.decode(part, { stream: true }))
    return JSON.parse(parts.join('')) as Record<string, unknown>
  } catch (error) {
    throw new RangeError(`loadPretrained: ${source.at(name)} cannot be read: ${String(error)}.`, { cause: error })
  } finally {
    await stream.close()
  }
}
