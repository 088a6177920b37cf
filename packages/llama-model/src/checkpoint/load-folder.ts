import { type LlamaConfig, llamaConfig } from '../config.ts'
import { type Params, paramShapes } from '../params.ts'
import { checkNames, type Shapes } from './expected.ts'
import type { FloatType } from './half.ts'
import type { OriginalFiles } from './original-files.ts'
import { readBytes, readJson, readText } from './read-json.ts'
import { readSafetensors } from './read-safetensors.ts'
import type { ByteStream, Source } from './source.ts'

const single = 'model.safetensors'
const index = 'model.safetensors.index.json'

/** Files beside the weights that are kept as they are. */
const tokenizerFiles = [
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'vocab.json', 'merges.txt'],
  'chat_template.jinja',
]

/** Reads a folder in the layout of Hugging Face into `loaded`. */
export async function loadFolder(source: Source, loaded: Params, withTokenizer: boolean) {
  const text = await readText(source, 'config.json', 'Is this the folder of a model?')
  const config = parseConfig(source.at('config.json'), readJson(source.at('config.json'), text))
  const shapes = paramShapes(config)
  const others = Promise.all([
    texts(source, withTokenizer ? tokenizerFiles : []),
    texts(source, ['generation_config.json']),
    withTokenizer ? sentencePiece(source) : {},
  ])
  others.catch(() => {}) // weights that fail are told first
  const types = await readWeights(source, shapes, loaded)
  const [tokenizer, generation, model] = await others
  return { config, dtype: dtypeOf(types), tokenizer, original: { 'config.json': text, ...generation, ...model } }
}

function parseConfig(where: string, fields: Record<string, unknown>): LlamaConfig {
  try {
    return llamaConfig(fields)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const ErrorType = error instanceof TypeError ? TypeError : RangeError
    throw new ErrorType(`loadPretrained: ${where}: ${error.message}`, { cause: error })
  }
}

/** The type of all, float32 where they differ. */
function dtypeOf([first, ...others]: readonly FloatType[]): 'float32' | 'float16' | 'bfloat16' {
  if (others.some((type) => type !== first)) return 'float32'
  return first === 'F16' ? 'float16' : first === 'BF16' ? 'bfloat16' : 'float32'
}

async function texts(source: Source, names: readonly string[]): Promise<Record<string, string>> {
  const found = await Promise.all(names.map(async (name) => [name, await readText(source, name)] as const))
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

async function sentencePiece(source: Source): Promise<OriginalFiles> {
  const bytes = await readBytes(source, 'tokenizer.model')
  return bytes ? { 'tokenizer.model': bytes } : {}
}

/** Reads `model.safetensors`, or else the shards of the index, and says how the tensors were stored. */
async function readWeights(source: Source, shapes: Shapes, loaded: Params): Promise<FloatType[]> {
  const whole = await source.open(single)
  if (whole) return readFile(source.at(single), whole, shapes, loaded, true)
  const types: FloatType[] = []
  for (const file of await shardFiles(source, shapes)) {
    const stream = await source.open(file)
    if (!stream) throw new Error(`loadPretrained: ${source.at(file)} does not exist, though ${index} names it. Download it too.`)
    types.push(...(await readFile(source.at(file), stream, shapes, loaded, false)))
  }
  checkNames(`loadPretrained: ${source.at(index)}`, shapes, Object.keys(loaded)) // a shard may lack what the index promises
  return types
}

async function readFile(where: string, stream: ByteStream, shapes: Shapes, loaded: Params, isComplete: boolean): Promise<FloatType[]> {
  try {
    return await readSafetensors(`loadPretrained: ${where}`, stream, shapes, loaded, isComplete)
  } finally {
    await stream.close()
  }
}

async function shardFiles(source: Source, shapes: Shapes): Promise<string[]> {
  const where = source.at(index)
  const text = await readText(source, index, `There is no ${single} either; convert other formats with transformers.`)
  const { weight_map: files } = readJson(where, text)
  if (typeof files !== 'object' || files === null) throw new RangeError(`loadPretrained: ${where} has no weight_map.`)
  for (const [name, file] of Object.entries(files)) {
    if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) {
      throw new RangeError(
        `loadPretrained: ${where} puts tensor '${name}' into ${JSON.stringify(file)?.slice(0, 200)}; it must be the name of a .safetensors file of the folder.`,
      )
    }
  }
  checkNames(`loadPretrained: ${where}`, shapes, Object.keys(files))
  return [...new Set(Object.values(files) as string[])].sort()
}
