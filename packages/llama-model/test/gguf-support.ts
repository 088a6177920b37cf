import { writeFileSync } from 'node:fs'

/** A metadata value with GGUF's number for its type; lists have that of their items. */
export type GgufValue = readonly [type: number, value: number | string | boolean | readonly (number | string)[]]

export interface RawTensor {
  readonly name: string
  /** Rows first. */
  readonly shape: readonly number[]
  readonly type: number
  readonly data: Uint8Array
}

/** Bytes of a GGUF file, made without the code of the package. @see ggml, docs/gguf.md */
export function ggufBytes(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly RawTensor[], alignment = 32): Buffer {
  const padded = (length: number) => Math.ceil(length / alignment) * alignment
  const parts: Uint8Array[] = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(Object.keys(metadata).length)]
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), ...valueBytes(value))
  let offset = 0
  for (const { name, shape, type, data } of tensors) {
    parts.push(text(name), uint32(shape.length), ...shape.toReversed().map((size) => uint64(size)), uint32(type), uint64(offset))
    offset += padded(data.length)
  }
  const header = Buffer.concat(parts)
  const pad = (bytes: Uint8Array) => Buffer.concat([bytes], padded(bytes.length))
  return Buffer.concat([pad(header), ...tensors.map(({ data }) => pad(data))])
}

export const writeGguf = (file: string, ...parts: Parameters<typeof ggufBytes>) => writeFileSync(file, ggufBytes(...parts))

const sized = (bytes: number, write: (buffer: Buffer<ArrayBuffer>) => void) => {
  const buffer = Buffer.alloc(bytes)
  write(buffer)
  return buffer
}
const uint32 = (value: number) => sized(4, (buffer) => buffer.writeUInt32LE(value))
const uint64 = (value: number) => sized(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)))
const text = (value: string) => Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)])

function valueBytes([type, value]: GgufValue): Uint8Array[] {
  if (typeof value === 'object') return [uint32(9), uint32(type), uint64(value.length), ...value.map((item) => bare(type, item))]
  return [uint32(type), bare(type, value)]
}

function bare(type: number, value: number | string | boolean): Buffer {
  if (typeof value === 'string') return text(value)
  if (type === 6) return sized(4, (buffer) => buffer.writeFloatLE(Number(value)))
  if (type === 5) return sized(4, (buffer) => buffer.writeInt32LE(Number(value)))
  return type === 7 ? Buffer.from([Number(value)]) : uint32(Number(value))
}

/** Metadata of a small Llama. */
export const smallMetadata = {
  'general.architecture': [8, 'llama'],
  'general.alignment': [4, 32],
  'llama.context_length': [4, 64],
  'llama.embedding_length': [4, 20],
  'llama.block_count': [4, 2],
  'llama.feed_forward_length': [4, 28],
  'llama.attention.head_count': [4, 4],
  'llama.attention.head_count_kv': [4, 2],
  'llama.attention.key_length': [4, 8],
  'llama.attention.value_length': [4, 8],
  'llama.attention.layer_norm_rms_epsilon': [6, 1e-5],
  'llama.rope.dimension_count': [4, 8],
  'llama.rope.freq_base': [6, 10_000],
} as const satisfies Readonly<Record<string, GgufValue>>

const layerNames = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

/** llama.cpp's name of a weight. */
export function ggufName(name: string): string {
  let short = name.replace('model.embed_tokens', 'token_embd').replace('model.norm', 'output_norm').replace('lm_head', 'output')
  for (const [from, to] of Object.entries(layerNames)) short = short.replace(`.${from}.`, `.${to}.`)
  return short.replace('model.layers.', 'blk.')
}

/** Rows of each head, which lie (0, D/2, 1, D/2 + 1, …) in llama.cpp. @see convert_hf_to_gguf.py, `permute` */
export function interleaveRows(values: Float32Array, rows: number, headDim: number): Float32Array {
  const width = values.length / rows
  const result = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    const channel = row % headDim
    const to = row - channel + (channel < headDim / 2 ? 2 * channel : 2 * (channel - headDim / 2) + 1)
    result.set(values.subarray(row * width, (row + 1) * width), to * width)
  }
  return result
}
