// A run that ends by signals: node --import tsx --conditions=@repo/source stopped-child.ts <folder> [slow]
// slow: from step 3 on every step waits for its batch longer than a test does.
import * as tf from '@tensorflow/tfjs'
import { stopSignals, train } from 'trainer'
import { examples, makeParams, settings } from './support.ts'

tf.env().set('IS_TEST', true)
const [dir = '', slow] = process.argv.slice(2)
const signals = stopSignals()
async function* batches() {
  let step = 0
  for (const batch of examples()) {
    await new Promise((resolve) => setTimeout(resolve, slow && step++ > 1 ? 60_000 : 20))
    yield batch
  }
}
const options = { batches: batches(), totalSteps: 1e6, stop: signals.stop, checkpoint: { dir, every: 1000 } }
for await (const { step, stopped } of train(settings(makeParams(), options)))
  console.log(stopped ? `stopped after step ${step}` : `step ${step}`)
process.exitCode = signals.exitCode() ?? 0
signals.release()
