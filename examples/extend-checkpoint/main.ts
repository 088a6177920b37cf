// Takes a Llama checkpoint, yours or anyone's, past the context it was trained at, the way of "Effective Long-Context Scaling of Foundation
// Models" (Xiong et al. 2023, arXiv 2309.16039):
//   pnpm extend --model SmolLM2-135M-Instruct.Q4_1.gguf --length 16384 --hours 2       a folder, a .gguf file, or the URL of one
//   pnpm extend --model my-llama/ --length 32768 --texts my-books/ --method full       pnpm extend --help says every setting
// Stop it whenever you like: the same command goes on where it stopped. Everything is kept under runs/<name>/.
import '../long-context/failures.ts'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { exportGguf, extendContext, type LlamaConfig, type Params, saveLora, savePretrained } from 'llama-model'
import type { LanguageModel } from 'long-context-eval'
import { startEngine } from '../long-context/engine.ts'
import { longDocuments } from '../long-context/instruct.ts'
import { trained as describeTraining } from '../long-context/metrics.ts'
import { languageModel } from '../long-context/model.ts'
import { progress } from '../long-context/progress.ts'
import { openRun } from '../long-context/run.ts'
import { checkLengths, describeTexts, describeTokens, readTexts } from '../long-context/texts.ts'
import { tokenize, withTokens } from '../long-context/tokenizer.ts'
import { watchTraining } from '../long-context/watch.ts'
import { askForPairs } from '../shared/ask-for-pairs.ts'
import { windowsOf } from '../shared/windows.ts'
import { type Arm, armsOf, tunedLabel } from './arms.ts'
import { answersAbout, asAuthor, lessonRows, lessonsOf, rules } from './instruct.ts'
import {
  byPosition,
  describeLosses,
  describePositions,
  describeRecall,
  type Losses,
  measureLoss,
  measureRecall,
  type Positions,
} from './measure.ts'
import { merged, openCheckpoint, openLearner } from './model.ts'
import { promptsWithExamples } from './pair-prompts.ts'
import { checkTime, confirm, makePlan, phasesOf, planMemory, planTable } from './plan.ts'
import { writeReport } from './report.ts'
import { trainingRows } from './rows.ts'
import { free, readSettings } from './settings.ts'
import { candidates, choose, describeSweep, judge, leastFactor, type Tried } from './sweep.ts'
import { modelTraining } from './train-model.ts'

const settings = readSettings(process.argv.slice(2))
const { length, seed } = settings
const run = openRun(settings, free)
const engine = await startEngine(settings.engine, settings.threads)
console.log(`run     ${run.folder}\nengine  ${engine.description}`)

// ---- what can be wrong is found before any long work -------------------------------------------------------------------------------------
const checkpoint = await openCheckpoint(settings)
const { config: unmodified, tokenizer, begin } = checkpoint
const trained = unmodified.maxPositionEmbeddings
console.log(`model   ${settings.model}\ncontext ${trained} → ${length} tokens`)
const all = candidates(unmodified, length, settings.factors)
planMemory(unmodified, settings)
if (settings.steps !== undefined) phasesOf(settings, settings.steps)
if (settings.pairs > 0 && settings.author === 'model' && !checkpoint.isChatModel)
  throw new Error(
    '--author model: the checkpoint has no chat template, so it cannot be asked for pairs; choose --author extractive, or --pairs 0',
  )

const corpus = await run.stage(
  'texts',
  'Texts: filtered for quality before length, split by document; shorter ones are joined in order',
  () => readTexts({ paths: settings.texts, maxTexts: settings.maxTexts, shortLength: Math.min(256, trained), longLength: length }),
  describeTexts,
)
const tokens = await run.stage(
  'tokens',
  "   Encode with the checkpoint's tokenizer",
  () => tokenize(corpus.texts, JSON.parse(checkpoint.files['tokenizer.json']!), run),
  (found) => describeTokens(found, length),
)
const documents = withTokens(corpus.texts, tokens)
checkLengths(documents, length)
const ofSplit = (wanted: string) => documents.filter(({ split }) => split === wanted)
const [trainingTexts, validationTexts, testTexts] = [ofSplit('train'), ofSplit('validation'), ofSplit('test')]

/** The plain model of `config` as the training `from` left it, or as it was; disposed after `work`. */
async function withModel<Result>(
  config: LlamaConfig,
  from: string | undefined,
  work: (model: LanguageModel, params: Params, config: LlamaConfig) => Promise<Result>,
): Promise<Result> {
  const plain = merged(await openLearner(checkpoint, settings, config, from && run.path('checkpoints', from)))
  try {
    return await work(languageModel(plain.params, plain.config, length, begin), plain.params, plain.config)
  } finally {
    tf.dispose(plain.params)
  }
}

const measured = { ...settings, tokenizer, texts: testTexts, begin, trained }
const losses = (id: string, title: string, config: LlamaConfig, from?: string) =>
  run.stage(id, title, () => withModel(config, from, (model) => measureLoss(model, measured)), describeLosses)
const recall = (id: string, title: string, config: LlamaConfig, from?: string) =>
  run.stage(id, title, () => withModel(config, from, (model) => measureRecall(model, measured)), describeRecall)

if (!existsSync(run.path('results', 'plan.json'))) {
  const learner = await openLearner(checkpoint, settings, all[0]!.config)
  await checkTime(learner, settings)
  tf.dispose([learner.frozen, learner.learning])
}

// ---- 1. before -----------------------------------------------------------------------------------------------------------------------------
const before = {
  losses: await losses('before-loss', `1. Before: loss up to ${length} tokens, on held-out texts`, unmodified),
  recall: await recall('before-recall', '   pass keys and first sentences', unmodified),
}

// ---- 2. plan -------------------------------------------------------------------------------------------------------------------------------
const plan = await run.stage(
  'plan',
  `2. Plan: what a step at ${length} tokens takes`,
  async () => {
    await engine.restart()
    const learner = await openLearner(checkpoint, settings, all[1]!.config)
    const made = await makePlan(learner, settings)
    tf.dispose([learner.frozen, learner.learning])
    return made
  },
  (made) =>
    planTable(made, settings, trained)
      .map(([what, value]) => `${what.padEnd(24)} ${value}`)
      .join('\n'),
)
await run.stage(
  'confirmed',
  '   Go on?',
  () => confirm(settings),
  () => 'yes',
)

// ---- 3. choose the base --------------------------------------------------------------------------------------------------------------------
console.log(`\n3. Choose the base: every method at ${length} tokens before any training, on validation texts`)
const positionsOf = (id: string, title: string, config: LlamaConfig, windows: readonly Int32Array[]) =>
  run.stage(id, title, () => withModel(config, undefined, (model) => byPosition(model, windows)), describePositions)
const idOf = (label: string) => label.replaceAll(/\W+/g, '-').toLowerCase()
const validationWindows = windowsOf(validationTexts, { begin, length, most: Math.ceil(settings.evalTexts / 2) })
const tried: Tried[] = []
for (const candidate of all) {
  const { label, config } = candidate
  tried.push(judge(candidate, await positionsOf(`sweep-${idOf(label)}`, `   ${label}`, config, validationWindows), trained))
}
const least = leastFactor(unmodified, length)
const { chosen, best } = choose(tried, least)
console.log(`\n${describeSweep(tried, chosen)}`)
const configOf = (label: string) => all.find((own) => own.label === label)!.config
const extended = configOf(chosen.label)
console.log(
  extendContext(unmodified, { length, method: 'abf', base: extended.rope.scaling?.kind === 'abf' ? extended.rope.scaling.base : undefined })
    .table,
)
const zeroShot: Record<string, Positions> = {}
for (const label of new Set([chosen.label, best.label]))
  zeroShot[label] = await positionsOf(
    `zero-shot-${idOf(label)}`,
    `   ${label}, before training, on held-out texts`,
    configOf(label),
    windowsOf(testTexts, { begin, length, most: settings.evalTexts }),
  )

// ---- 4. continue pretraining -----------------------------------------------------------------------------------------------------------------
const watch = await watchTraining(settings.watch)

const trainModel = modelTraining({ settings, run, engine, checkpoint, watch, memory: plan.memory, validationRow: validationWindows[0]! })

const shortLength = Math.max(32, Math.floor(trained / 8))
const { first, others, again } = armsOf(unmodified, { label: chosen.label, config: extended }, settings)
const training: Record<string, Awaited<ReturnType<typeof trainModel>>> = {}
async function train({ id, seed, label, config }: Arm, title: string) {
  const rowsOf = (rowLength: number) => trainingRows({ ...settings, seed, length: rowLength, texts: trainingTexts, begin, shortLength })
  const work = () => trainModel({ id, config, seed, phases: phasesOf(settings, plan.steps.long), rowsOf })
  training[label] = await run.stage(id, `${title}: ${label}`, work, describeTraining)
}
await train(first, `4. Continue pretraining at ${length} tokens`)

// ---- 5. instruct -----------------------------------------------------------------------------------------------------------------------------
const longTexts = longDocuments(trainingTexts, length)
const pairs = await run.stage(
  'pairs',
  '5. Self-instruct: question/answer pairs about the training texts, checked by their author',
  () =>
    withModel(unmodified, undefined, async (_, params) => {
      const { author, pairs: wanted } = settings
      if (wanted === 0) return { author: 'nobody', pairs: [], rejected: {} }
      const bar = progress('asking', wanted)
      const asked = await askForPairs(longTexts, {
        author: author === 'model' ? `${basename(settings.model)}, in process` : 'rules without a model (extractive)',
        ...(author === 'model'
          ? { complete: asAuthor(checkpoint, params), replyFormat: 'json', prompts: promptsWithExamples }
          : { complete: rules(seed) }),
        wanted,
        seed,
        chunkCharacters: Math.min(1500, trained),
        journal: run.path('pairs-journal.jsonl'),
        onProgress: bar.update,
      })
      bar.stop()
      return asked
    }),
  ({ author, pairs, rejected }) => `${pairs.length} pairs by ${author}; rejected: ${JSON.stringify(rejected)}`,
)
const lessons = lessonsOf(pairs.pairs, longTexts, checkpoint, length)
const tuned = lessons.length > 0 ? 'tuned' : 'long'
if (lessons.length > 0)
  training[tunedLabel] = await run.stage(
    'tuned',
    `   Instruct: ${lessons.length} pairs, loss on whole sequences`,
    () => {
      const phases = phasesOf({ ...settings, curriculum: 0 }, plan.steps.instruct)
      return trainModel({ id: 'tuned', config: extended, seed, from: 'long', phases, rowsOf: () => lessonRows(lessons, length, seed) })
    },
    describeTraining,
  )
else console.log('   Instruct: left out, there are no pairs')

// ---- 6. after --------------------------------------------------------------------------------------------------------------------------------
const after = {
  losses: await losses('after-loss', '6. After: the same measurements', extended, 'long'),
  recall: await recall('after-recall', '   pass keys and first sentences', extended, 'long'),
}
const tunedMeasures =
  tuned === 'tuned'
    ? {
        losses: await losses('tuned-loss', '   after instruction tuning', extended, tuned),
        recall: await recall('tuned-recall', '   pass keys and first sentences', extended, tuned),
      }
    : undefined
const book = testTexts.reduce((longest, own) => (own.tokens.length > longest.tokens.length ? own : longest))
const answers = await run.stage(
  'answers',
  `   Questions about “${book.id}”, as far as ${length} tokens hold it`,
  async () => {
    const options = { length, maxNewTokens: settings.answerTokens }
    const ask = (config: LlamaConfig, from?: string) =>
      withModel(config, from, (_, params, plain) => answersAbout(book.text, languageModel(params, plain, length, []), checkpoint, options))
    return { before: await ask(unmodified), after: await ask(extended, tuned) }
  },
  ({ after }) => after.map(({ question, answer }) => `${question}\n  ${answer.replaceAll('\n', ' ')}`).join('\n'),
)
await run.stage(
  'models',
  '   Save: Hugging Face folder, GGUF, and the low-rank updates for PEFT',
  () =>
    withModel(extended, tuned, async (_, params, config) => {
      const { files, original } = checkpoint
      const shared = { params, config, tokenizer: files }
      await savePretrained(run.path('models', 'extended'), { ...shared, original })
      await exportGguf(run.path('models', 'extended.gguf'), { ...shared, name: `${settings.name} ${length}` })
      if (settings.method === 'full') return true
      const { config: adapted, frozen, learning } = await openLearner(checkpoint, settings, extended, run.path('checkpoints', tuned))
      const [base, adapter] = [run.path('models', 'adapter-base'), run.path('models', 'adapter')]
      const ofBase = Object.fromEntries(Object.entries({ ...frozen, ...learning }).filter(([name]) => !name.includes('.lora_')))
      await savePretrained(base, { params: ofBase, config, tokenizer: files, original })
      await saveLora(adapter, { params: learning, config: adapted, baseModel: base })
      tf.dispose([frozen, learning])
      return true
    }),
  () => run.path('models'),
)

// ---- 7. what the same training does otherwise: with another method, with another seed ---------------------------------------------------------
async function equalTraining(arms: readonly Arm[]): Promise<Record<string, Losses>> {
  const found: Record<string, Losses> = {}
  for (const arm of arms) {
    await train(arm, '7. Equal training')
    found[arm.label] = await losses(`after-${arm.id}`, `   ${arm.label}, after it`, arm.config, arm.id)
  }
  return found
}
const compared = await equalTraining(others)
const repeated = await equalTraining(again)

writeReport(run.path('report.html'), {
  settings,
  engine: engine.description,
  trained,
  plan,
  tried,
  chosen: chosen.label,
  best: best.label,
  least,
  zeroShot,
  before,
  after,
  compared,
  repeated,
  tuned: tunedMeasures,
  training,
  pairs,
  answers,
  book: book.id,
  documents,
  dropped: corpus.dropped,
  stages: run.finished,
})
console.log(`\nreport  ${run.path('report.html')}\nmodels  ${run.path('models')}`)
