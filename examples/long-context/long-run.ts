// The last stage of `--preset laptop` alone: a Llama trained on rows of 32,768 tokens, from fresh parameters, with what it takes and learns.
//   pnpm long-run                      50 steps, about an hour on two cores     pnpm long-run --minutes 15   a piece; the same command goes on
//   pnpm long-run --extend-steps 4 --long-length 2048 --tokens-per-batch 2048 --name try      any setting of the recipe
// Saves every 2 steps under runs/long-run/ and leaves long-run.json: loss, heap and time of every step, and the loss by position.
import './failures.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cosine } from 'cosine-schedule'
import { initParams, loss, memoryPlan } from 'llama-model'
import { lossByPosition } from 'long-context-eval'
import { batches } from 'seq-packer/tfjs'
import { latestCheckpoint, loadCheckpoint, metricsLog, stopSignals, train } from 'trainer'
import { startEngine } from './engine.ts'
import { languageModel, smallLlama } from './model.ts'
import { textRows } from './rows.ts'
import { openRun, writeWhole } from './run.ts'
import { readSettings } from './settings.ts'
import { describeTokens, readTexts } from './texts.ts'
import { endOfTextId, loadTokenizer, tokenize, trainTokenizer, withTokens } from './tokenizer.ts'

const argv = process.argv.slice(2).filter((word) => word !== '--')
const at = argv.indexOf('--minutes')
const minutes = at < 0 ? Number.POSITIVE_INFINITY : Number(argv.splice(at, 2)[1])
const defaults = ['--preset', 'laptop', '--name', 'long-run', '--extend-steps', '50', '--checkpoint-every', '2']
const settings = readSettings([...defaults, ...argv])
const { longLength, tokensPerBatch, extendSteps: totalSteps, extendPeak: peak, ropeTheta, abfTheta } = settings
const run = openRun(settings)
const engine = await startEngine(settings.engine, settings.threads)

// ---- the model, and whether it fits ------------------------------------------------------------------------------------------------------
const short = smallLlama(settings)
const { headDim } = short
const rope = { headDim, base: ropeTheta, scaling: { kind: 'abf', base: abfTheta } } as const
const config = { ...short, rope, maxPositionEmbeddings: longLength }
const plan = memoryPlan({ config, rowLength: longLength, batchSize: tokensPerBatch / longLength })
const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
console.log(`engine  ${engine.description}\nplan    a heap of ${gibibytes(plan.heapBytes)}`)

// ---- data --------------------------------------------------------------------------------------------------------------------------------
const corpus = await run.stage(
  'texts',
  'texts',
  () => readTexts({ paths: settings.texts, maxTexts: settings.maxTexts, shortLength: settings.shortLength, longLength }),
  ({ texts }) => `${texts.length} documents`,
)
const ofSplit = (wanted: string) => corpus.texts.filter(({ split }) => split === wanted)
const tokenizerJson = await run.stage(
  'tokenizer',
  'tokenizer',
  () => trainTokenizer(ofSplit('train'), settings.vocabularySize),
  () => `${settings.vocabularySize} tokens`,
)
const tokenizer = loadTokenizer(tokenizerJson)
const tokens = await run.stage(
  'tokens',
  'tokens',
  () => tokenize(corpus.texts, tokenizerJson, run),
  (found) => describeTokens(found, longLength),
)
const documents = withTokens(corpus.texts, tokens)
const tokenised = (wanted: string) => documents.filter(({ split }) => split === wanted)
const rows = textRows({
  settings,
  tokenizer,
  texts: tokenised('train'),
  rowLength: longLength,
  steps: totalSteps,
  seed: settings.seeds[0]!,
})
const windows = tokenised('validation')
  .filter(({ tokens }) => tokens.length >= longLength)
  .slice(0, settings.evalDocuments)
  .map(({ tokens }) => Int32Array.of(endOfTextId, ...tokens.subarray(0, longLength - 1)))

// ---- train -------------------------------------------------------------------------------------------------------------------------------
const dir = run.path('checkpoints')
const { path } = await latestCheckpoint(dir)
const resume = path === undefined ? undefined : await loadCheckpoint(path)
const params = resume?.params ?? initParams(config, settings.seeds[0]!)
const data = batches(rows, tokensPerBatch / longLength)
if (resume) data.restore(resume.data)
const signals = stopSignals()
const stop = new AbortController()
signals.stop.addEventListener('abort', () => stop.abort())
const began = performance.now()
const file = run.path('metrics.jsonl')
const log = await metricsLog(file, { resume, line: (report) => ({ ...report, heapBytes: engine.bytes() }) })
let step = resume?.step ?? 0
for await (const report of train({
  params,
  loss: (params, batch) => loss(params, config, batch, plan),
  batches: data,
  tokens: () => tokensPerBatch,
  learningRate: cosine({ peak, totalSteps, warmupSteps: Math.ceil(totalSteps / 20), floor: peak / 10 }),
  totalSteps,
  resume,
  stop: stop.signal,
  checkpoint: { dir, every: settings.checkpointEvery, data: data.state },
})) {
  await log(report)
  step = report.step
  const seconds = (report.milliseconds / 1000).toFixed(1)
  console.log(`step ${step} of ${totalSteps}, loss ${report.loss.toFixed(3)}, ${seconds} s, heap ${gibibytes(engine.bytes())}`)
  if ((performance.now() - began) / 60_000 > minutes) stop.abort()
}
signals.release()

// ---- what came of it ---------------------------------------------------------------------------------------------------------------------
if (step < totalSteps) {
  console.log(`saved after step ${step}; the same command goes on from there`)
} else {
  const bins = await lossByPosition(languageModel(params, config, tokensPerBatch), windows, { binSize: longLength / 16 })
  for (const { position, loss, standardError = 0 } of bins)
    console.log(`around token ${Math.round(position)}: loss ${loss.toFixed(3)} ± ${standardError.toFixed(3)}`)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const reports = lines.map((line) => JSON.parse(line))
  writeWhole(join(run.folder, 'long-run.json'), JSON.stringify({ settings, engine: engine.description, plan, reports, bins }, null, 2))
  console.log(`${windows.length} held-out documents of ${longLength} tokens; ${join(run.folder, 'long-run.json')}`)
}
process.exit(signals.exitCode() ?? 0)
