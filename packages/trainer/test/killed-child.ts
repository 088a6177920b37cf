// A run that kills itself: node --import tsx --conditions=@repo/source killed-child.ts <folder> <where>
// where: `step` in the middle of step 5, `weights` while a save writes the weights of step 6, `rename` before that save becomes visible,
// `line` after that save and before its report is logged, `size` no kill, but one step more than the file size limit of the process lets it save.
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as tf from '@tensorflow/tfjs'
import { latestCheckpoint, loadCheckpoint, type Params, train } from 'trainer'
import { meanSquare, runIn } from './support.ts'

const [dir = tmpdir(), where] = process.argv.slice(2)
tf.env().set('IS_TEST', true)
const die = () => process.kill(process.pid, 'SIGKILL')

const dieBefore = (name: 'open' | 'rename' | 'appendFile', dies: (path: string) => boolean) => {
  const real = fs[name] as (...args: unknown[]) => Promise<unknown>
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      if (dies(String(args[0]))) die()
      return real(...args)
    },
  })
}

if (where === 'size') {
  const { path } = await latestCheckpoint(dir)
  const resume = await loadCheckpoint(path!)
  const loss = (params: Params) => tf.mean(tf.square(params.big!))
  const common = { params: resume.params, loss, batches: [1, 2], learningRate: () => 0.1, totalSteps: 2 }
  try {
    for await (const _ of train({ ...common, resume, checkpoint: { dir, every: 1 } }));
  } catch (error) {
    process.stdout.write((error as Error).message)
  }
} else {
  let [calls, appended] = [0, 0]
  if (where === 'weights') dieBefore('open', (path) => path.includes('00000006') && path.endsWith('optimizer.safetensors'))
  if (where === 'rename') dieBefore('rename', (path) => path.endsWith('step-00000006.tmp'))
  if (where === 'line') dieBefore('appendFile', () => ++appended === 6)
  await runIn(dir, {
    loss: (params, batch) => {
      if (where === 'step' && ++calls === 10) die() // the second micro-batch of step 5
      return meanSquare(params, batch)
    },
  })
}
