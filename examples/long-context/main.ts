// Takes a small Llama from a short context to an eight times longer one, the way of "Effective Long-Context Scaling of Foundation Models"
// (Xiong et al. 2023, arXiv 2309.16039), on real texts, on this machine:
//   pnpm start                         at most ten minutes on two cores       pnpm start --preset quick      about a minute
//   pnpm start --texts my-books/       with texts of your own                 pnpm start --help              every setting
// Stop it whenever you like: the same command goes on where it stopped. Everything is kept under runs/<name>/.
import './failures.ts'
import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { countParams, initParams, type LlamaConfig, loadPretrained, type Params } from 'llama-model'
import type { RopeOptions } from 'rope-abf'
import { type Row, utilisation } from 'seq-packer'
import { chat } from './chat.ts'
import { startEngine } from './engine.ts'
import { type Answers, askPairs, describePairs, lessons, longDocuments, measureAnswers } from './instruct.ts'
import { type Measures, measure, measureSteps } from './measure.ts'
import { answered, gatherMetrics, measured, type Training, trained } from './metrics.ts'
import { languageModel, smallLlama } from './model.ts'
import { progress } from './progress.ts'
import { writeReport } from './report/report.ts'
import { type Arm, armNames, arms, type SeedResults, type Tuning, tuningNames } from './report/results.ts'
import { passageRows, textRows, tuningRows } from './rows.ts'
import { openRun } from './run.ts'
import { readSettings } from './settings.ts'
import { checkLengths, describeTexts, describeTokens, readTexts } from './texts.ts'
import { endOfTextId, loadTokenizer, tokenize, trainTokenizer, withTokens } from './tokenizer.ts'
import { modelTraining } from './train-model.ts'
import { watchTraining } from './watch.ts'

const settings = readSettings(process.argv.slice(2))
const { shortLength, longLength, tokensPerBatch } = settings
const run = openRun(settings)
const engine = await startEngine(settings.engine, settings.threads)
console.log(`run     ${run.folder}\nengine  ${engine.description}`)
console.log(`context ${shortLength} → ${longLength} tokens, ${tokensPerBatch} tokens a step in every stage`)

// ---- 1. texts ------------------------------------------------------------------------------------------------------------------------
const corpus = await run.stage(
  'texts',
  '1. Texts: real documents, filtered for quality before length, split by document',
  () => readTexts({ paths: settings.texts, maxTexts: settings.maxTexts, shortLength, longLength }),
  describeTexts,
)

// ---- 2. tokens -----------------------------------------------------------------------------------------------------------------------
const tokenizerJson = await run.stage(
  'tokenizer',
  `2. Tokenise: byte-level BPE of ${settings.vocabularySize} tokens, trained on the training texts`,
  () =>
    trainTokenizer(
      corpus.texts.filter(({ split }) => split === 'train'),
      settings.vocabularySize,
    ),
  () => 'every model folder gets it as a Hugging Face tokenizer.json',
)
const tokenizer = loadTokenizer(tokenizerJson)
const tokens = await run.stage(
  'tokens',
  '   Encode into token shards',
  () => tokenize(corpus.texts, tokenizerJson, run),
  (found) => describeTokens(found, longLength),
)
const documents = withTokens(corpus.texts, tokens)
checkLengths(documents, longLength)
const ofSplit = (wanted: string) => documents.filter(({ split }) => split === wanted)
const trainingTexts = ofSplit('train')
const sources = { settings, tokenizer, texts: trainingTexts }
const validationRows = ofSplit('validation').map(({ tokens }) => Int32Array.of(endOfTextId, ...tokens.subarray(0, longLength - 1)))

// ---- the parts every training stage shares ---------------------------------------------------------------------------------------------
const base = smallLlama(settings)
const { headDim } = base
const ropes: Record<Arm, RopeOptions> = {
  abf: { headDim, base: settings.ropeTheta, scaling: { kind: 'abf', base: settings.abfTheta } },
  rope: { headDim, base: settings.ropeTheta },
  pi: { headDim, base: settings.ropeTheta, scaling: { kind: 'linear', factor: longLength / shortLength } },
}

const watch = await watchTraining(settings.watch)
const trainModel = modelTraining({ settings, run, engine, watch, tokenizer, tokenizerJson, validationRows })

/** Loads the model a stage left behind, hands it to `work`, disposes it. */
async function withModel<Result>(id: string, work: (params: Params, config: LlamaConfig) => Promise<Result>): Promise<Result> {
  const { params, config } = await loadPretrained(run.path('models', id))
  try {
    return await work(params, config)
  } finally {
    tf.dispose(params)
  }
}

const extended: Omit<SeedResults, 'answers'>[] = []
for (const seed of settings.seeds) {
  const id = (name: string) => `seed-${seed}-${name}`
  const training: Record<string, Training> = {}
  const short = { rowLength: shortLength, seed }

  // ---- 3. pretrain at short context ----------------------------------------------------------------------------------------------------
  training.recall = await run.stage(
    id('recall'),
    `3. Pretrain at ${shortLength} tokens: first look back, on random passages that repeat (${countParams(base).toLocaleString('en-US')} parameters, seed ${seed})`,
    async () => {
      const params = initParams(base, seed)
      const { recallSteps: steps, recallPeak: peak } = settings
      try {
        return await trainModel({
          ...short,
          id: id('recall'),
          config: base,
          params,
          rows: passageRows({ ...sources, ...short, steps }),
          steps,
          peak,
        })
      } finally {
        tf.dispose(params)
      }
    },
    trained,
  )
  training.pretrain = await run.stage(
    id('short'),
    `   then texts, and ${Math.round(100 * settings.recallShare)} % recall exercises (seed ${seed})`,
    () =>
      withModel(id('recall'), (params, config) => {
        const { pretrainSteps: steps, pretrainPeak: peak } = settings
        return trainModel({ ...short, id: id('short'), config, params, rows: textRows({ ...sources, ...short, steps }), steps, peak })
      }),
    trained,
  )

  // ---- 4. extend: the same checkpoint, data, steps and tokens per batch; only the rotary frequencies differ --------------------------------
  for (const arm of arms)
    training[arm] = await run.stage(
      id(arm),
      `4. Extend to ${longLength} tokens: ${armNames[arm]} (seed ${seed})`,
      () =>
        withModel(id('short'), (params, { rope: _, ...config }) => {
          const { extendSteps: steps, extendPeak: peak } = settings
          const long = { rowLength: longLength, seed, steps }
          const stretched = { ...config, rope: ropes[arm], maxPositionEmbeddings: longLength }
          return trainModel({ ...long, id: id(arm), config: stretched, params, rows: textRows({ ...sources, ...long }), peak })
        }),
      trained,
    )

  // ---- 5. measure every arm, and the model before, on held-out documents -----------------------------------------------------------------
  const measures = {} as Record<Arm | 'short', Measures>
  for (const arm of ['short', ...arms] as const)
    measures[arm] = await run.stage(
      id(`measure-${arm}`),
      `5. Measure: ${arm === 'short' ? 'before the extension' : armNames[arm]} (seed ${seed})`,
      () =>
        withModel(id(arm), async (params, config) => {
          const bar = progress('measuring', measureSteps)
          const { evalDocuments, evalTrials } = settings
          const options = { tokenizer, texts: ofSplit('test'), shortLength, longLength, evalDocuments, evalTrials, onProgress: bar.update }
          const found = await measure(languageModel(params, config, tokensPerBatch), options)
          bar.stop()
          return found
        }),
      measured,
    )

  extended.push({ seed, training, measures })
}

// ---- 6. question/answer pairs: asked once, for all seeds ------------------------------------------------------------------------------
const longTraining = longDocuments(trainingTexts, longLength)
const longTest = longDocuments(ofSplit('test'), longLength)
const ask = (id: string, of: string, from: typeof longTest, wanted: number) =>
  run.stage(
    id,
    `6. Self-instruct: question/answer pairs from long ${of} documents, checked by their author`,
    async () => {
      const bar = progress('asking', wanted)
      const pairs = await askPairs(from, {
        ...settings,
        pairs: wanted,
        journalOf: (author: string) => run.path(`${id} by ${author.match(/\w+/g)!.join('-')}.jsonl`),
        onProgress: bar.update,
      })
      bar.stop()
      return pairs
    },
    describePairs,
  )
const pairs = await ask('pairs', 'training', longTraining, settings.pairs)
const heldOutPairs = await ask('held-out-pairs', 'test', longTest, Math.ceil(settings.pairs / 5))
const taught = lessons(pairs.pairs, longTraining, tokenizer, longLength)
const questions = lessons(heldOutPairs.pairs, longTest, tokenizer, longLength)

// ---- 7. instruction tuning of the ABF model, the arms of Table 9 ---------------------------------------------------------------------------
const seeds: SeedResults[] = []
for (const { seed, training, measures } of extended) {
  const answers = {} as Record<Tuning, Answers>
  for (const tuning of Object.keys(tuningNames) as Tuning[]) {
    const model = tuning === 'before' ? `seed-${seed}-abf` : `seed-${seed}-instruct-${tuning}`
    if (tuning !== 'before')
      training[`instruct-${tuning}`] = await run.stage(
        model,
        `7. Instruct: ${tuningNames[tuning]} (seed ${seed})`,
        () =>
          withModel(`seed-${seed}-abf`, (params, config) => {
            const { instructSteps: steps, instructPeak: peak } = settings
            const rows = tuningRows(tuning, taught, { ...sources, rowLength: longLength, steps, seed })
            return trainModel({ id: model, config, params, rows, rowLength: longLength, steps, peak })
          }),
        trained,
      )
    answers[tuning] = await run.stage(
      `seed-${seed}-answers-${tuning}`,
      `   Answer ${questions.length} held-out questions (seed ${seed})`,
      () =>
        withModel(model, async (params, config) => {
          const bar = progress('answering', questions.length)
          const windows = validationRows.slice(0, settings.evalDocuments)
          const found = await measureAnswers(languageModel(params, config, tokensPerBatch), questions, windows, tokenizer, bar.update)
          bar.stop()
          return found
        }),
      answered,
    )
  }
  seeds.push({ seed, training, measures, answers })
}

// ---- 8. report -------------------------------------------------------------------------------------------------------------------------
const sample: Row[] = []
for (const row of textRows({ ...sources, rowLength: shortLength, steps: 100, seed: 1 })) if (sample.push(row) === 200) break
writeReport(run.path('report.html'), {
  settings,
  engine: engine.description,
  parameters: countParams(base),
  ropes,
  documents,
  dropped: corpus.dropped,
  utilisation: utilisation(sample).fraction,
  pairs,
  stages: run.finished,
  seeds,
})
gatherMetrics(run.path('metrics'), run.path('metrics.jsonl'), run.finished)
console.log(`\nreport  ${run.path('report.html')}\nmodels  ${run.path('models')}`)

// ---- 9. ask the tuned model ---------------------------------------------------------------------------------------------------------------
if (settings.chat !== undefined)
  await withModel(`seed-${settings.seeds[0]}-instruct-whole`, (params, config) =>
    chat(languageModel(params, config, tokensPerBatch), {
      document: settings.chat === true ? longTest[0]!.text : readFileSync(settings.chat!, 'utf8'),
      tokenizer,
      longLength,
      examples: heldOutPairs.pairs.filter(({ documentId }) => documentId === longTest[0]!.id).map(({ question }) => question),
    }),
  )
