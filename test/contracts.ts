// Packages meet by the shape of plain data, not by import. Nothing here runs: `pnpm check` compiles it, and fails where a shape has moved.
import { cosine } from 'cosine-schedule'
import { forward, generate, type Batch as LlamaBatch, type LlamaConfig, loss, type Params, savePretrained, tokenLosses } from 'llama-model'
import type { TextModel } from 'llama-model/chat'
import type { LanguageModel } from 'long-context-eval'
import { type Complete, extractiveComplete, inProcess } from 'selfinstruct'
import { openAICompatible } from 'selfinstruct/openai'
import type { Document, Json } from 'seq-packer'
import { pack } from 'seq-packer'
import { type Batch, batches } from 'seq-packer/tfjs'
import type { Checkpoint, CheckpointOptions, StepReport } from 'trainer'
import { train } from 'trainer'

declare const config: LlamaConfig
declare const params: Params
declare const batch: Batch
declare const checkpoint: Checkpoint
declare const documents: readonly Document[]

// ---- seq-packer → llama-model: a batch is what the model takes, as it is
batch satisfies LlamaBatch
loss(params, config, batch)
forward(params, config, batch)
tokenLosses(params, config, batch)

// ---- cosine-schedule, seq-packer, llama-model → trainer: every option of a run comes from a package that does not know trainer
const rows = batches(pack(documents, { rowLength: 8, strategy: 'best-fit' }), 2)
train<Batch>({
  params,
  loss: (params, batch) => loss(params, config, batch),
  batches: rows,
  learningRate: cosine({ peak: 1e-3, totalSteps: 10 }),
  totalSteps: 10,
  checkpoint: { dir: '', every: 1, data: rows.state },
}) satisfies AsyncIterable<StepReport>

// ---- trainer → llama-model, seq-packer: a checkpoint holds a model, and the place in the data
savePretrained('', { params: checkpoint.params, config })
rows.state satisfies NonNullable<CheckpointOptions['data']>
rows.restore(checkpoint.data satisfies Json)

// ---- llama-model → long-context-eval: a language model is two functions
export const languageModel: LanguageModel = {
  async tokenLosses(sequences) {
    return sequences.map(() => tokenLosses(params, config, batch).dataSync<'float32'>())
  },
  async generate(tokens, { maxNewTokens }) {
    const found: number[] = []
    for await (const { token } of generate(params, config, { tokens, maxNewTokens })) found.push(token)
    return Int32Array.from(found)
  },
}

// ---- selfinstruct: a server and the rule-based stand-in are the same kind of function
openAICompatible({ baseURL: '', model: '' }) satisfies Complete
extractiveComplete() satisfies Complete

// ---- llama-model → selfinstruct: a chat model in process
declare const textModel: TextModel
inProcess({
  generate: (request) => generate(textModel.params, textModel.config, request),
  encode: textModel.tokenizer.encodeChat,
  decode: textModel.tokenizer.decode,
  encodeText: (text) => textModel.tokenizer.encode(text, { specialTokens: false }),
  stopTokens: textModel.tokenizer.endTokens,
  contextLength: textModel.config.maxPositionEmbeddings,
}) satisfies Complete
