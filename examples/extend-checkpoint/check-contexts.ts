// Whether a finished run uses what stands further back, on every held-out text: the loss of the last tokens with half the old context, all of
// it and the new length before them, text by text.
//   npx tsx --conditions=@repo/source examples/extend-checkpoint/check-contexts.ts runs/extend [--training long,seed-2]
// A training is named as its folder in runs/extend/checkpoints. Stop it whenever you like: what was measured is kept.
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { extendContext } from 'llama-model'
import { type ContextLoss, lossByContext } from 'long-context-eval'
import { startEngine } from '../long-context/engine.ts'
import { languageModel } from '../long-context/model.ts'
import { meanInterval } from '../long-context/report/statistics.ts'
import { openRun } from '../long-context/run.ts'
import { withTokens } from '../long-context/tokenizer.ts'
import { windowsOf } from '../shared/windows.ts'
import { armsOf } from './arms.ts'
import { merged, openCheckpoint, openLearner } from './model.ts'
import { free, type Settings } from './settings.ts'

const { values, positionals } = parseArgs({ options: { training: { type: 'string', default: 'long' } }, allowPositionals: true })
if (positionals.length !== 1) throw new Error('name the folder of one run')
const folder = resolve(positionals[0]!)
const saved = join(folder, 'models', 'extended', 'config.json')
if (!existsSync(saved)) throw new Error(`${folder} is no run that came as far as its models: ${saved} is missing`)
const json = (...parts: string[]) => JSON.parse(readFileSync(join(folder, ...parts), 'utf8'))
const settings: Settings = json('settings.json')
const { length } = settings

const run = openRun({ ...settings, runs: dirname(folder), name: basename(folder) }, free)
await startEngine(settings.engine, settings.threads)
const checkpoint = await openCheckpoint(settings)
const { config: unmodified, begin } = checkpoint
const trained = unmodified.maxPositionEmbeddings
const { config } = extendContext(unmodified, { length, method: 'abf', base: JSON.parse(readFileSync(saved, 'utf8')).rope_theta })
const { first, others, again } = armsOf(unmodified, { label: 'the chosen base', config }, settings)
const known = [first, { ...first, id: 'tuned' }, ...others, ...again]
const wanted = values.training.split(',').map((id) => {
  const arm = known.find((own) => own.id === id)
  if (!arm) throw new Error(`--training ${id}: ${folder} has ${known.map((own) => own.id).join(', ')}`)
  return arm
})

const [corpus, tokens] = ['texts', 'tokens'].map((stage) => json('results', `${stage}.json`).result)
const heldOut = withTokens(corpus.texts, tokens).filter((text) => text.split === 'test' && text.tokens.length >= length)
const windows = windowsOf(heldOut, { begin, length, most: heldOut.length })
const targetTokens = Math.floor(length / 16)
const contexts = [Math.floor(trained / 2), trained, length - targetTokens]
const describe = (found: readonly ContextLoss[]) => found.map(({ loss }) => loss.toFixed(4)).join(' ')
for (const { id, config } of wanted) {
  const { params, config: plain } = merged(await openLearner(checkpoint, settings, config, run.path('checkpoints', id)))
  const model = languageModel(params, plain, length, begin)
  const rows: number[][] = []
  for (const [i, window] of windows.entries()) {
    const measure = () => lossByContext(model, [window], { contexts, targetTokens })
    const found = await run.stage(`contexts-${id}-${i}`, `${id}: text ${i + 1} of ${windows.length}`, measure, describe)
    rows.push(found.map(({ loss }) => loss))
  }
  tf.dispose(params)
  console.log(`\n${id}, ${rows.length} held-out texts, the last ${targetTokens} tokens:`)
  for (const [k, context] of contexts.entries()) {
    const losses = rows.map((row) => row[k]!)
    const changes = rows.map((row) => row[k]! - row[k - 1]!)
    const against = k === 0 ? '' : `, ${meanInterval(changes, 4)} against ${contexts[k - 1]}`
    console.log(`${context} tokens before them: ${meanInterval(losses, 4)}${against}`)
  }
}
process.exit(0)
