// Whether a finished run uses what stands further back, on every held-out text: the loss of the last tokens with half the old context, all of
// it and the new length before them, text by text.
//   npx tsx --conditions=@repo/source examples/extend-checkpoint/check-contexts.ts runs/extend [--training long,seed-2]
// A training is named as its folder in runs/extend/checkpoints. Stop it whenever you like: what was measured is kept.
import { readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { extendContext } from 'llama-model'
import { lossByContext } from 'long-context-eval'
import { startEngine } from '../long-context/engine.ts'
import { languageModel } from '../long-context/model.ts'
import { meanInterval } from '../long-context/report/statistics.ts'
import { openRun } from '../long-context/run.ts'
import { withTokens } from '../long-context/tokenizer.ts'
import { windowsOf } from '../shared/windows.ts'
import { merged, openCheckpoint, openLearner } from './model.ts'
import { free, type Settings } from './settings.ts'

const { values, positionals } = parseArgs({ options: { training: { type: 'string', default: 'long' } }, allowPositionals: true })
if (positionals.length !== 1) throw new Error('name the folder of one run')
const folder = positionals[0]!
const json = (...parts: string[]) => JSON.parse(readFileSync(join(folder, ...parts), 'utf8'))
const settings: Settings = json('settings.json')
const { length } = settings
const { rope_theta: base } = json('models', 'extended', 'config.json')
const [{ texts }, tokens] = ['texts', 'tokens'].map((stage) => json('results', `${stage}.json`).result)

const run = openRun({ ...settings, runs: dirname(resolve(folder)), name: basename(resolve(folder)) }, [...free])
await startEngine(settings.engine, settings.threads)
const checkpoint = await openCheckpoint(settings)
const { config: unmodified, begin } = checkpoint
const trained = unmodified.maxPositionEmbeddings
const { config } = extendContext(unmodified, { length, method: 'abf', base })

const heldOut = withTokens(texts, tokens).filter(({ split, tokens }) => split === 'test' && tokens.length >= length)
const windows = windowsOf(heldOut, { begin, length, most: heldOut.length })
const targetTokens = Math.floor(length / 16)
const contexts = [Math.floor(trained / 2), trained, length - targetTokens]
for (const training of values.training.split(',')) {
  const model = merged(await openLearner(checkpoint, settings, config, run.path('checkpoints', training)))
  const rows: number[][] = []
  for (const [i, window] of windows.entries()) {
    const measure = () => lossByContext(languageModel(model.params, config, length, begin), [window], { contexts, targetTokens })
    const losses = (found: readonly { loss: number }[]) => found.map(({ loss }) => loss)
    const describe = (found: readonly { loss: number }[]) =>
      losses(found)
        .map((loss) => loss.toFixed(4))
        .join(' ')
    rows.push(losses(await run.stage(`contexts-${training}-${i}`, `${training}: text ${i + 1} of ${windows.length}`, measure, describe)))
  }
  tf.dispose(model.params)
  console.log(`\n${training}, ${rows.length} held-out texts, the last ${targetTokens} tokens:`)
  for (const [k, context] of contexts.entries()) {
    const change =
      k === 0
        ? ''
        : `, ${meanInterval(
            rows.map((row) => row[k]! - row[k - 1]!),
            4,
          )} against ${contexts[k - 1]}`
    console.log(
      `${context} tokens before them: ${meanInterval(
        rows.map((row) => row[k]!),
        4,
      )}${change}`,
    )
  }
}
process.exit(0)
