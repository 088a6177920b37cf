import type * as tf from '@tensorflow/tfjs-core'
import { encodeFloats } from '../checkpoint/half.ts'
import { nodeModules } from '../checkpoint/node.ts'
import { writeFile } from '../checkpoint/write-file.ts'
import type { LlamaConfig } from '../config.ts'
import { checkParams, type Params, paramShapes } from '../params.ts'
import { type ExportConfig, exportConfig } from './export-config.ts'
import { exportTokenizer } from './export-tokenizer.ts'
import { toGgufName } from './names.ts'
import { encodeQ8 } from './quantize.ts'
import { rowOrder } from './row-order.ts'
import { type HeaderTensor, makeHeader, paddingAfter } from './write-header.ts'

export interface ExportOptions {
  readonly params: Params
  readonly config: LlamaConfig
  /** `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`, as `loadPretrained` returns them; without, llama.cpp takes only token ids, and node-llama-cpp nothing. */
  readonly tokenizer?: Readonly<Record<string, string | Uint8Array>> | undefined
  /** How matrices are stored; default 'float16'. Norms and biases are float32. */
  readonly dtype?: 'float32' | 'float16' | 'q8_0' | undefined
  /** What other programs show; default the file's name. */
  readonly name?: string | undefined
}

const types = {
  float32: { number: 0, fileType: 0, encode: (values: Float32Array) => encodeFloats(values, 'F32') },
  float16: { number: 1, fileType: 1, encode: (values: Float32Array) => encodeFloats(values, 'F16') },
  q8_0: { number: 8, fileType: 7, encode: encodeQ8 },
} as const
type Type = (typeof types)[keyof typeof types]

const partValues = 2 ** 18

/**
 * Writes a GGUF file that llama.cpp runs, with everything it needs to know: sizes, rope base and scaling, context length, tokenizer, chat
 * template. All or nothing: written to `<file>.tmp`, synced, renamed. One tensor in host memory at a time. Disposes nothing. Node only.
 *
 * @throws before anything is written: TypeError, RangeError when params and config do not fit, or when llama.cpp cannot compute what the
 *   configuration says, naming the field. Error with the system's cause when a write fails; what was there before is then untouched.
 */
export async function exportGguf(file: string, options: ExportOptions): Promise<void> {
  const { params, config, tokenizer = {}, dtype = 'float16' } = options
  const node = nodeModules()
  if (!node) throw new Error('exportGguf: needs a file system (Node ≥ 20.19, Bun or Deno).')
  if (!Object.hasOwn(types, dtype)) {
    throw new RangeError(`exportGguf: dtype is '${dtype}'; choose from ${Object.keys(types).join(', ')}.`)
  }
  checkParams('exportGguf', params, config)
  const exported = exportConfig(config)
  const { name = node.path.basename(file, '.gguf') } = options
  const metadata = [
    ...exported.metadata,
    ['general.name', 'string', name],
    ['general.file_type', 'uint32', types[dtype].fileType],
    ['general.quantization_version', 'uint32', 2],
    ...exportTokenizer(tokenizer, config),
  ] as const
  const target = node.path.resolve(file)
  const temporary = `${target}.tmp`
  try {
    const header = makeHeader(metadata, planTensors(exported, config, types[dtype]))
    await writeFile(temporary, () => parts(header, params, exported, config, types[dtype]))
    await node.fs.rename(temporary, target)
  } catch (error) {
    await node.fs.rm(temporary, { force: true }).catch(() => {})
    throw new Error(`exportGguf: cannot write ${target}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Matrices whose rows are no whole blocks stay float16. */
function typeOf(shape: readonly number[], type: Type): Type {
  if (shape.length === 1) return types.float32
  return type === types.q8_0 && shape[1]! % 32 !== 0 ? types.float16 : type
}

function planTensors({ ropeFactors }: ExportConfig, config: LlamaConfig, type: Type): HeaderTensor[] {
  const weights = Array.from(paramShapes(config), ([name, shape]) => ({ name: toGgufName(name), shape, type: typeOf(shape, type).number }))
  const rope = Object.entries(ropeFactors).map(([name, values]) => ({ name, shape: [values.length], type: types.float32.number }))
  return [...rope, ...weights]
}

async function* parts(
  header: Uint8Array,
  params: Params,
  { ropeFactors }: ExportConfig,
  config: LlamaConfig,
  type: Type,
): AsyncGenerator<Uint8Array> {
  yield header
  for (const values of Object.values(ropeFactors)) {
    yield types.float32.encode(values)
    yield paddingAfter(values.byteLength)
  }
  for (const [name, shape] of paramShapes(config)) {
    const values = await (params[name] as tf.Tensor).data<'float32'>()
    let bytes = 0
    for (const part of inOrder(values, shape, rowOrder(name, config))) {
      const encoded = typeOf(shape, type).encode(part)
      bytes += encoded.length
      yield encoded
    }
    yield paddingAfter(bytes)
  }
}

/** About a megabyte of whole rows at a time, in llama.cpp's order. */
function* inOrder(values: Float32Array, shape: readonly number[], order: ReturnType<typeof rowOrder>): Generator<Float32Array> {
  const width = shape[1] ?? 1
  const step = Math.max(1, Math.floor(partValues / width)) * width
  for (let start = 0; start < values.length; start += step) {
    const part = values.subarray(start, start + step)
    if (!order) yield part
    else {
      const sorted = new Float32Array(part.length)
      for (let at = 0; at < part.length; at += width) {
        const row = order((start + at) / width)
        sorted.set(values.subarray(row * width, (row + 1) * width), at)
      }
      yield sorted
    }
  }
}
