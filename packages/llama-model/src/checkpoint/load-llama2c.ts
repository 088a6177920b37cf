import { type LlamaConfig, llamaConfig } from '../config.ts'
import { rowOrder } from '../gguf/row-order.ts'
import { type Params, paramShapes } from '../params.ts'
import { cutOff, readTensor } from './read-tensor.ts'
import type { ByteStream, Source } from './source.ts'

const magic = 0x616b3432 // 'ak42', of version 1
const blocks = {
  valuesPerBlock: 1,
  bytesPerBlock: 4,
  decode: (bytes: Uint8Array<ArrayBuffer>) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
}

/**
 * Reads a float32 model of llama2.c, in its old format without a magic number or in version 1, into `loaded`. It says nothing of rope base and
 * epsilon, which are Llama 2's 10,000 and 1e-5, and has its tokenizer in another file, which is not read.
 * @see Karpathy, llama2.c, export.py: `legacy_export`, `version1_export`
 */
export async function loadLlama2c(source: Source, file: string, loaded: Params) {
  const who = `loadPretrained: ${source.at(file)}`
  const stream = await source.open(file)
  if (!stream) throw new Error(`${who} does not exist.`)
  try {
    const { config, isOld, headerBytes } = await readHeader(who, stream)
    const names = isOld ? oldOrder(config) : newOrder(config)
    const shapes = paramShapes(config)
    // the old format has tables of cosines and sines before the output layer
    const tableBytes = isOld ? config.maxPositionEmbeddings * config.headDim * 4 : 0
    const sizes = names.map((name) => 4 * shapes.get(name)!.reduce((product, length) => product * length, 1))
    const needed = sizes.reduce((sum, bytes) => sum + bytes, headerBytes + tableBytes)
    if (stream.size !== undefined && stream.size !== needed) throw cutOff(who, `it has ${stream.size} bytes, and should have ${needed}`)
    for (const [i, name] of names.entries()) {
      if (name === 'lm_head.weight') await skip(who, stream, tableBytes)
      const shape = shapes.get(name)!
      const place = rowOrder(name, config)
      loaded[name] = await readTensor(who, stream, {
        ...{ name, shape, bytes: sizes[i]!, block: blocks },
        rows: place && { length: shape[1]!, place },
      })
    }
    return { config, dtype: 'float32' as const, tokenizer: {} }
  } finally {
    await stream.close()
  }
}

async function readHeader(who: string, stream: ByteStream): Promise<{ config: LlamaConfig; isOld: boolean; headerBytes: number }> {
  const start = await readInts(who, stream, 7)
  if (start[0] !== magic) return { config: configOf(who, start, start[5]! > 0), isOld: true, headerBytes: 28 }
  if (start[1] !== 1) {
    throw new RangeError(
      `${who}: it is llama2.c's version ${start[1]}; the old format and version 1 can be read. Export it again as float32.`,
    )
  }
  const rest = await readInts(who, stream, 57) // up to 256 bytes
  const isShared = (rest[2]! & 255) !== 0
  return { config: configOf(who, [...start.slice(2), ...rest.slice(0, 2)], isShared), isOld: false, headerBytes: 256 }
}

function configOf(who: string, numbers: readonly number[], isShared: boolean): LlamaConfig {
  const [dim, hiddenDim, numLayers, numHeads, numKvHeads, vocabSize, length] = numbers
  try {
    return llamaConfig({
      hidden_size: dim,
      intermediate_size: hiddenDim,
      num_hidden_layers: numLayers,
      num_attention_heads: numHeads,
      num_key_value_heads: numKvHeads,
      vocab_size: Math.abs(vocabSize!),
      max_position_embeddings: length,
      tie_word_embeddings: isShared,
      rms_norm_eps: 1e-5,
    })
  } catch (error) {
    throw new RangeError(`${who}: it is no model of llama2.c, or damaged: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

const ofLayers = ({ numLayers }: LlamaConfig, part: string) =>
  Array.from({ length: numLayers }, (_, layer) => `model.layers.${layer}.${part}.weight`)
const attention = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj']
const mlp = ['mlp.gate_proj', 'mlp.down_proj', 'mlp.up_proj'] // w1, w2, w3
const output = ({ tieWordEmbeddings }: LlamaConfig) => (tieWordEmbeddings ? [] : ['lm_head.weight'])

const oldOrder = (config: LlamaConfig): string[] => [
  'model.embed_tokens.weight',
  ...['input_layernorm', ...attention, 'post_attention_layernorm', ...mlp].flatMap((part) => ofLayers(config, part)),
  'model.norm.weight',
  ...output(config),
]

const newOrder = (config: LlamaConfig): string[] => [
  ...['input_layernorm', 'post_attention_layernorm'].flatMap((part) => ofLayers(config, part)),
  'model.norm.weight',
  'model.embed_tokens.weight',
  ...[...attention, ...mlp].flatMap((part) => ofLayers(config, part)),
  ...output(config),
]

async function readInts(who: string, stream: ByteStream, count: number): Promise<number[]> {
  const bytes = new Uint8Array(4 * count)
  if ((await stream.read(bytes)) < bytes.length) throw cutOff(who, 'it ends within the header')
  return [...new Int32Array(bytes.buffer)]
}

async function skip(who: string, stream: ByteStream, bytes: number): Promise<void> {
  const part = new Uint8Array(Math.min(bytes, 2 ** 20))
  for (let left = bytes; left > 0; ) {
    const length = await stream.read(part.subarray(0, Math.min(left, part.length)))
    if (length === 0) throw cutOff(who, 'it ends within the tables of cosines and sines')
    left -= length
  }
}
