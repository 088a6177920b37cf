// Takes a small Llama from a short context to an eight times longer one, the way of "Effective Long-Context Scaling of Foundation Models"
// (Xiong et al. 2023, arXiv 2309.16039), on real texts, on this machine:
//   pnpm start                         at most ten minutes on two cores       pnpm start --preset quick      about a minute
//   pnpm start --texts my-books/       with texts of your own                 pnpm start --help              every setting
// Stop it whenever you like: the same command goes on where it stopped. Everything is kept under runs/<name>/.
import { existsSync, readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { cosine } from 'cosine-schedule'
import { countParams, initParams, type LlamaConfig, llamaConfig, loadPretrained, loss, type Params, savePretrained } from 'llama-model'
import type { RopeOptions } from 'rope-abf'
import { type Document, mix, pack, utilisation } from 'seq-packer'
import { type Batch, batches } from 'seq-packer/tfjs'
import { adamw, latestCheckpoint, loadCheckpoint, metricsLog, train } from 'trainer'
import { startEngine } from './engine.ts'
import { exercises, shuffledPassages, take } from './exercises.ts'
import { askPairs, instances, measureAnswers, measureAnswersSteps } from './instruct.ts'
import { measure, measureSteps } from './measure.ts'
import { languageModel } from './probe.ts'
import { progress } from './progress.ts'
import { randomFrom } from './random.ts'
import { type Arm, armNames, type SeedResults, type Training, writeReport } from './report/report.ts'
import { openRun, writeWhole } from './run.ts'
import { readSettings } from './settings.ts'
import { readTexts } from './texts.ts'
import { loadTokenizer, tokenizerConfig, trainTokenizer } from './tokenizer.ts'

const settings = readSettings(process.argv.slice(2))
const { shortLength, longLength, tokensPerBatch } = settings
const run = await openRun(settings)
const engine = await startEngine(settings.engine, settings.threads)
console.log(`run     ${run.folder}\nengine  ${engine.description}`)
console.log(`context ${shortLength} → ${longLength} tokens, ${tokensPerBatch} tokens a step in every stage`)
let peakBytes = 0

// ---- 1. texts ------------------------------------------------------------------------------------------------------------------------
const corpus = await run.stage(
  'texts',
  '1. Texts: real documents, filtered for quality before length, split by document',
  () => readTexts({ path: settings.texts, maxTexts: settings.maxTexts, minCharacters: 4 * shortLength }),
  ({ texts, dropped }) => {
    const of = (split: string) => texts.filter((text) => text.split === split).length
    const gone = Object.entries(dropped).map(([reason, n]) => `${n} ${reason}`)
    return `${of('train')} for training, ${of('validation')} for validation, ${of('test')} for test${gone.length > 0 ? `; dropped: ${gone.join(', ')}` : ''}`
  },
)

// ---- 2. tokens -----------------------------------------------------------------------------------------------------------------------
const ofSplit = (split: string) => corpus.texts.filter((text) => text.split === split)
const tokenizerJson = await run.stage(
  'tokenizer',
  `2. Tokenise: byte-level BPE of ${settings.vocabularySize} tokens, trained on the training texts`,
  () => trainTokenizer(ofSplit('train').map(({ text }) => text), settings.vocabularySize),
  () => `runs/${settings.name}/results/tokenizer.json; every model folder gets a Hugging Face tokenizer.json`,
)
const tokenizer = loadTokenizer(tokenizerJson)
const tokens = await run.stage(
  'tokens',
  '   Encode',
  () => {
    const bar = progress('encoding', corpus.texts.length)
    const encoded = corpus.texts.map(({ text }, i) => {
      bar.update(i + 1)
      return tokenizer.encode(text)
    })
    bar.stop()
    return encoded
  },
  (encoded) => {
    const total = encoded.reduce((sum, own) => sum + own.length, 0)
    return `${total.toLocaleString('en-US')} tokens; ${encoded.filter((own) => own.length >= longLength).length} documents of ${longLength} tokens or more`
  },
)
const documents = corpus.texts.map((text, i) => ({ ...text, tokens: tokens[i]! }))
const training = documents.filter(({ split }) => split === 'train')
const tokenizerFiles = { 'tokenizer.json': JSON.stringify(tokenizerJson), 'tokenizer_config.json': JSON.stringify(tokenizerConfig, null, 2) }

// ---- the parts every training stage shares ---------------------------------------------------------------------------------------------
const base: LlamaConfig = llamaConfig({
  architectures: ['LlamaForCausalLM'],
  vocab_size: settings.vocabularySize,
  hidden_size: settings.hiddenSize,
  intermediate_size: settings.intermediateSize,
  num_hidden_layers: settings.numLayers,
  num_attention_heads: settings.numHeads,
  num_key_value_heads: settings.numKvHeads,
  max_position_embeddings: shortLength,
  rope_theta: settings.ropeTheta,
  rms_norm_eps: 1e-5,
  initializer_range: 0.04, // small models start faster from larger numbers than the usual 0.02
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 0,
})
const headDim = base.headDim
const ropes: Record<Arm, RopeOptions> = {
  abf: { headDim, base: settings.ropeTheta, scaling: { kind: 'abf', base: settings.abfTheta } },
  rope: { headDim, base: settings.ropeTheta },
  pi: { headDim, base: settings.ropeTheta, scaling: { kind: 'linear', factor: longLength / shortLength } },
}

/** Texts and recall exercises, mixed by tokens; documents of one row do not see each other, short ones are packed, long rows are padded at the right. */
function rows(rowLength: number, steps: number, seed: number) {
  const random = randomFrom(seed)
  const wanted = Math.ceil((1.1 * steps * tokensPerBatch * settings.recallShare) / rowLength) + 1
  const recall = take(exercises({ tokenizer, documents: training.map((own) => own.tokens), length: rowLength, weight: settings.recallWeight, random }), wanted)
  const sources: Record<string, Document[]> = settings.recallShare > 0 ? { recall } : {}
  for (const { id, source, tokens } of training) (sources[source] ??= []).push({ id, source, tokens: [0, ...tokens] })
  const texts = Object.keys(sources).filter((name) => name !== 'recall')
  const weights = Object.fromEntries(Object.keys(sources).map((name) => [name, name === 'recall' ? settings.recallShare : (1 - settings.recallShare) / texts.length]))
  return pack(mix(sources, { weights, seed }), { rowLength, strategy: 'best-fit' })
}

interface TrainingStage {
  readonly id: string
  readonly config: LlamaConfig
  readonly params: Params
  readonly rows: ReturnType<typeof pack>
  readonly rowLength: number
  readonly steps: number
  readonly peak: number
}

/** Trains `params` in place: AdamW, cosine with warm-up, clipping, checkpoints; goes on from the newest whole checkpoint. Saves a Hugging Face folder. */
async function trainModel({ id, config, params, rows, rowLength, steps, peak }: TrainingStage): Promise<Training> {
  const dir = run.path('checkpoints', id)
  const { path } = await latestCheckpoint(dir)
  const resume = path === undefined ? undefined : await loadCheckpoint(path)
  const data = batches(rows, tokensPerBatch / rowLength)
  if (resume) data.restore(resume.data as ReturnType<typeof data.state>)
  const log = await metricsLog(run.path('metrics', `${id}.jsonl`), { resume })
  const bar = progress(`training ${id}`, steps)
  const start = performance.now()
  for await (const report of train<Batch>({
    params,
    loss: (params, batch) => loss(params, config, batch),
    batches: data,
    learningRate: cosine({ peak, totalSteps: steps, warmupSteps: Math.ceil(steps / 20), floor: peak / 10 }),
    optimizer: adamw(), // β 0.9/0.95, decay 0.1, as Llama 2
    clipNorm: 1,
    totalSteps: steps,
    resume,
    checkpoint: { dir, every: settings.checkpointEvery, keepLast: 1, data: data.state },
  })) {
    await log(report)
    peakBytes = Math.max(peakBytes, engine.bytes())
    bar.update(report.step, `loss ${report.loss.toFixed(3)}, ${((tokensPerBatch * 1000) / report.milliseconds).toFixed(0)} tokens/s`)
  }
  bar.stop()
  await savePretrained(run.path('models', id), { params, config, tokenizer: tokenizerFiles })
  const lines = readFileSync(run.path('metrics', `${id}.jsonl`), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { step: number; loss: number })
  const every = Math.max(1, Math.floor(lines.length / 100))
  const mean = (from: number, to: number) => lines.slice(from, to).reduce((sum, own) => sum + own.loss, 0) / (to - from)
  const curve = lines.flatMap(({ step }, i) => ((i + 1) % every === 0 ? [{ tokens: step * tokensPerBatch, loss: mean(i + 1 - every, i + 1) }] : []))
  return { steps, tokens: steps * tokensPerBatch, seconds: (performance.now() - start) / 1000, lastLoss: mean(Math.max(0, lines.length - 20), lines.length), curve }
}
const trained = ({ lastLoss, tokens, seconds }: Training) => `${tokens.toLocaleString('en-US')} tokens, ${(tokens / seconds).toFixed(0)} tokens/s, last loss ${lastLoss.toFixed(3)}`

/** Loads the model a stage left behind, hands it to `work`, disposes it. */
async function withModel<Result>(id: string, work: (params: Params, config: LlamaConfig) => Promise<Result>): Promise<Result> {
  const { params, config } = await loadPretrained(run.path('models', id))
  try {
    return await work(params, config)
  } finally {
    tf.dispose(params)
  }
}

// ---- 6a. question/answer pairs, asked once for all seeds --------------------------------------------------------------------------------
const asked = longDocuments(training, longLength)
const askedHeldOut = longDocuments(documents.filter(({ split }) => split === 'test'), longLength)
const ask = (id: string, title: string, from: typeof asked, wanted: number) =>
  run.stage(
    id,
    title,
    async () => {
      const bar = progress('asking', wanted)
      const pairs = await askPairs(from.slice(0, wanted), { ...settings, pairs: wanted }, bar.update)
      bar.stop()
      return pairs
    },
    ({ author, pairs, rejected }) => {
      const reasons = Object.entries(rejected).map(([reason, n]) => `${n} ${reason}`)
      return `${pairs.length} pairs by ${author}${reasons.length > 0 ? `; rejected: ${reasons.join(', ')}` : ''}`
    },
  )

const seeds: SeedResults[] = []
let fill = 0
for (const seed of settings.seeds) {
  const id = (name: string) => `seed-${seed}-${name}`
  const trainings: Record<string, Training> = {}

  // ---- 3. pretrain at short context ------------------------------------------------------------------------------------------------
  trainings.pretrain = await run.stage(
    id('pretrain'),
    `3. Pretrain at ${shortLength} tokens, RoPE base ${settings.ropeTheta} (seed ${seed})`,
    async () => {
      const params = initParams(base, seed)
      console.log(`  ${countParams(base).toLocaleString('en-US')} parameters`)
      try {
        const shared = { config: base, params, rowLength: shortLength, peak: settings.pretrainPeak }
        await trainModel({ ...shared, id: id('recall'), rows: recallRows(seed), steps: settings.recallSteps })
        return await trainModel({ ...shared, id: id('short'), rows: rows(shortLength, settings.pretrainSteps, seed), steps: settings.pretrainSteps })
      } finally {
        tf.dispose(params)
      }
    },
    trained,
  )
