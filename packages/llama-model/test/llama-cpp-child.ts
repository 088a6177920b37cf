// llama.cpp as a process: tokens that it finds most probable one after the other, as one line of JSON.
//   npx tsx llama-cpp-child.ts MODEL.gguf '[1, 2, 3]' COUNT
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The parts of node-llama-cpp that are used. */
interface LlamaCpp {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>
}
interface Model {
  createContext(options: object): Promise<{ getSequence(): Sequence }>
}
interface Sequence {
  evaluate(tokens: readonly number[], options: object): AsyncIterable<number>
}

const folder = fileURLToPath(new URL('../../../node_modules/.cache/peers/llama-cpp/node_modules/node-llama-cpp', import.meta.url))
const [, , modelPath, tokens = '[]', count] = process.argv
const { getLlama }: LlamaCpp = await import(pathToFileURL(`${folder}/dist/index.js`).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 2, logLevel: 'error' })
const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
const context = await model.createContext({ contextSize: 256, batchSize: 256, threads: 2, flashAttention: false })
const made: number[] = []

for await (const token of context.getSequence().evaluate(JSON.parse(tokens), { temperature: 0, yieldEogToken: true })) {
  made.push(token)
  if (made.length === Number(count)) break
}
console.log(JSON.stringify(made))
process.exit(0)
