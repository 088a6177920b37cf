import * as tf from '@tensorflow/tfjs-core'
import { decodeFloats } from '../checkpoint/half.ts'
import { nodeModules } from '../checkpoint/node.ts'
import { parseHeader } from '../checkpoint/safetensors-header.ts'
import type { LlamaConfig } from '../config.ts'
import type { Params } from '../params.ts'
import { checkLora, loraShapes } from './lora-config.ts'
import { fromPeft } from './peft-config.ts'
import { peftPrefix } from './save-lora.ts'

const [configFile, weightsFile] = ['adapter_config.json', 'adapter_model.safetensors'] as const

/**
 * Reads a LoRA in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors` (F32, F16 or BF16, which become float32).
 *
 * @param location folder, or `http(s):` URL of one
 * @param config of the model it is for
 * @returns `params`, A and B only, which the caller spreads into those of the model and disposes; `config` with `lora`
 * @throws RangeError, TypeError or Error that names file, field or tensor when something is missing, damaged, not computed here, or of
 *   another model; nothing stays allocated then
 */
export async function loadLora(location: string | URL, config: LlamaConfig): Promise<{ params: Params; config: LlamaConfig }> {
  const { path: configPath, bytes: json } = await readFile(location, configFile)
  const who = `loadLora: ${configPath}`
  const lora = fromPeft(who, parseObject(who, json))
  const adapted = { ...config, lora }
  checkLora(who, adapted)
  const { path, bytes } = await readFile(location, weightsFile)
  return { params: tensorsOf(`loadLora: ${path}`, bytes, adapted), config: adapted }
}

function tensorsOf(who: string, file: Uint8Array<ArrayBuffer>, config: LlamaConfig): Params {
  if (file.length < 8) throw new RangeError(`${who} is cut off: it has not even a header. Download or save it again.`)
  const start = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  if (start > file.length) throw new RangeError(`${who} is cut off, or no safetensors file: its header would end at byte ${start}.`)
  const entries = parseHeader(who, new TextDecoder().decode(file.subarray(8, start)))
  const shapes = loraShapes(config)
  const end = entries.reduce((sum, { bytes }) => sum + bytes, start)
  if (end !== file.length) throw new RangeError(`${who} has ${file.length} bytes and should have ${end}. Download or save it again.`)
  const found = new Set(entries.map(({ name }) => ownName(name)))
  const missing = [...shapes.keys()].find((name) => !found.has(name))
  if (missing !== undefined) throw new RangeError(`${who}: tensor '${peftPrefix}${missing}' is missing; ${configFile} targets its module.`)
  for (const { name, shape } of entries) {
    const expected = shapes.get(ownName(name))
    if (!expected)
      throw new RangeError(`${who}: tensor '${name}' is unexpected; ${configFile} does not target such a module of this model.`)
    if (String(expected) !== String(shape)) {
      throw new RangeError(`${who}: tensor '${name}' has shape [${shape}]; by ${configFile} and the model it must be [${expected}].`)
    }
  }
  const made: Params = {}
  let offset = start
  for (const { name, type, shape, bytes } of entries) {
    made[ownName(name)] = tf.tensor(decodeFloats(file.slice(offset, offset + bytes), type), [...shape], 'float32')
    offset += bytes
  }
  return Object.fromEntries([...shapes.keys()].map((name) => [name, made[name]!]))
}

const ownName = (name: string): string => (name.startsWith(peftPrefix) ? name.slice(peftPrefix.length) : name)

/** A small file as a whole. */
async function readFile(location: string | URL, name: string): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> }> {
  const node = nodeModules()
  const text = String(location)
  if (!node || /^https?:/i.test(text)) {
    const path = `${text.replace(/\/$/, '')}/${name}`
    const response = await fetch(path)
    if (!response.ok) throw new Error(`loadLora: ${path} answers ${response.status} ${response.statusText}. ${missingHint}`)
    return { path, bytes: new Uint8Array(await response.arrayBuffer()) }
  }
  const path = node.path.join(/^file:/i.test(text) ? node.url.fileURLToPath(text) : text, name)
  try {
    return { path, bytes: new Uint8Array(await node.fs.readFile(path)) }
  } catch (error) {
    throw new Error(`loadLora: ${path} cannot be read: ${String(error)}. ${missingHint}`, { cause: error })
  }
}

const missingHint = 'Is this the folder of an adapter, saved as safetensors?'

function parseObject(who: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw new RangeError(`${who}: it is no JSON object. Is this the folder of an adapter?`)
}
