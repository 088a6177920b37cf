import * as tf from '@tensorflow/tfjs-core'
import { checkNames, checkTensor } from '../checkpoint/expected.ts'
import { cutOff, readTensor, type StoredTensor } from '../checkpoint/read-tensor.ts'
import { peekable, type Source } from '../checkpoint/source.ts'
import type { LlamaConfig } from '../config.ts'
import { type Params, paramShapes } from '../params.ts'
import { readConfig } from './config.ts'
import { type GgufTensor, readHeader } from './header.ts'
import { fromGgufName } from './names.ts'
import { checkRopeTensor, isRopeTensor, type RopeFactors } from './rope.ts'
import { rowOrder } from './row-order.ts'
import { tokenizerFiles } from './tokenizer.ts'

/** Reads a GGUF file into `loaded`, dequantised, query and key rows in Hugging Face's order. */
export async function loadGguf(source: Source, file: string, loaded: Params, withTokenizer: boolean) {
  const who = `loadPretrained: ${source.at(file)}`
  const opened = await source.open(file)
  if (!opened) throw new Error(`${who} does not exist.`)
  const stream = peekable(opened)
  try {
    const { metadata, tensors } = await readHeader(who, stream)
    const sized = readConfig(who, metadata, tensors, {}) // all but the rope, of which tensors may be a part
    const tokenizer = withTokenizer ? tokenizerFiles(who, metadata, sized) : {}
    checkAll(who, tensors, sized)
    const factors: RopeFactors = {}
    for (const tensor of tensors) {
      const { gap, shape, bytes, type } = tensor
      await skip(who, stream, gap)
      const name = fromGgufName(tensor.name)
      const stored: StoredTensor = { name: tensor.name, shape, bytes, block: type, rows: rowsOf(name, shape, sized) }
      const value = await readTensor(who, stream, stored)
      if (!isRopeTensor(name)) loaded[name] = value
      else {
        factors[name] = await value.data<'float32'>()
        tf.dispose(value)
      }
    }
    return { config: readConfig(who, metadata, tensors, factors), dtype: dtypeOf(tensors), tokenizer }
  } finally {
    await stream.close()
  }
}

/** Rows that llama.cpp has in another order; a bias is a column of rows of one number. */
function rowsOf(name: string, shape: readonly number[], config: LlamaConfig): StoredTensor['rows'] {
  const place = rowOrder(name, config)
  return place && { length: shape[1] ?? 1, place }
}

function checkAll(who: string, tensors: readonly GgufTensor[], config: LlamaConfig): void {
  const shapes = paramShapes(config)
  const own = tensors.filter(({ name }) => !isRopeTensor(name))
  for (const tensor of tensors) checkRopeTensor(who, tensor, config)
  for (const { name, shape } of own) checkTensor(who, { name: fromGgufName(name), shape }, shapes, {})
  checkNames(
    who,
    shapes,
    own.map(({ name }) => fromGgufName(name)),
  )
}

async function skip(who: string, stream: { read(bytes: Uint8Array<ArrayBuffer>): Promise<number> }, length: number): Promise<void> {
  if ((await stream.read(new Uint8Array(length))) < length) throw cutOff(who, 'it ends between two tensors')
}

/** Of the matrices; norms are always float32. */
function dtypeOf(tensors: readonly GgufTensor[]): 'float32' | 'float16' | 'bfloat16' {
  const types = new Set(tensors.filter(({ shape }) => shape.length > 1).map(({ type }) => type.name))
  if (types.size > 1) return 'float32'
  return types.has('F16') ? 'float16' : types.has('BF16') ? 'bfloat16' : 'float32'
}
