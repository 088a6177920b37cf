// A run that scripts/crash-test.ts kills: node --import tsx --conditions=@repo/source crash-child.ts <folder> plain|accumulation|curriculum
// A small next-token model over packed rows, saved so often that about half of its time is saving; prints a line once it trains.
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { type Document, mix, pack } from 'seq-packer'
import { type Batch, batches } from 'seq-packer/tfjs'
import { type Json, latestCheckpoint, loadCheckpoint, metricsLog, type Params, train } from 'trainer'
import { filled, numbers } from './support.ts'

tf.env().set('IS_TEST', true)
const [dir = '', kind = 'plain'] = process.argv.slice(2)
const [vocabulary, width, totalSteps] = [64, 96, 60]

const source = (name: string, seed: number): Document[] => {
  const random = numbers(seed)
  return Array.from({ length: 40 }, (_, i) => ({
    ...{ id: `${name}-${i}`, source: name },
    tokens: Int32Array.from({ length: 10 + Math.floor(40 * (1 + random.next())) }, () =>
      Math.floor((random.next() + 1) * 0.5 * vocabulary),
    ),
  }))
}
/** Row length 32, then 64 from half of the steps on: the same stream of documents, twice as many tokens a row, half as many rows. */
function dataFrom(state: Json) {
  const saved = state as { switched: boolean; rows: Json } | null
  const stream = (rowLength: number, batchSize: number) =>
    batches(
      pack(mix({ a: source('a', 1), b: source('b', 2) }, { weights: { a: 0.7, b: 0.3 }, seed: 5 }), {
        strategy: 'best-fit',
        rowLength,
        openRows: 8,
      }),
      batchSize,
    )
  let switched = saved?.switched ?? false
  let rows = switched ? stream(64, 4) : stream(32, 8)
  if (saved) rows.restore(saved.rows)
  return {
    state: (): Json => ({ switched, rows: rows.state() }),
    *read(from: number) {
      for (let step = from; ; step++) {
        if (kind === 'curriculum' && step >= totalSteps / 2 && !switched) {
          switched = true
          rows = stream(64, 4)
        }
        yield rows.next().value!
      }
    },
  }
}

const loss = ({ embed, out }: Params, { tokens, lossWeights }: Batch) => {
  const hidden = tf.tanh(tf.gather(embed!, tf.slice(tokens, [0, 0], [tokens.shape[0], tokens.shape[1]! - 1])))
  const logits = tf.logSoftmax(tf.reshape(tf.matMul(tf.reshape(hidden, [-1, width]), out as tf.Tensor2D), [-1, vocabulary]))
  const targets = tf.oneHot(tf.reshape(tf.slice(tokens, [0, 1], [-1, -1]), [-1]) as tf.Tensor1D, vocabulary)
  const weights = tf.reshape(tf.slice(lossWeights, [0, 1], [-1, -1]), [-1])
  const each = tf.neg(tf.sum(tf.mul(logits, targets), -1))
  return tf.div(tf.sum(tf.mul(each, weights)), tf.add(tf.sum(weights), 1e-6))
}

const checkpoints = join(dir, 'checkpoints')
const { path } = await latestCheckpoint(checkpoints)
const resume = path === undefined ? undefined : await loadCheckpoint(path)
const params: Params = resume?.params ?? { embed: filled([vocabulary, width], 1), out: filled([width, vocabulary], 2) }
const data = dataFrom(resume?.data ?? null)
const accumulation = kind === 'accumulation' ? 2 : 1
const log = await metricsLog(join(dir, 'metrics.jsonl'), { resume })
for await (const report of train({
  params,
  loss,
  batches: data.read(resume?.step ?? 0),
  learningRate: (step) => 0.01 * (1 - step / totalSteps),
  totalSteps,
  gradientAccumulation: accumulation,
  tokens: ({ lossWeights }) => tf.sum(lossWeights) as tf.Scalar,
  resume,
  checkpoint: { dir: checkpoints, every: 3, data: data.state, background: kind === 'accumulation' },
})) {
  await log(report)
  if (report.step === (resume?.step ?? 0) + 1) process.stdout.write('training\n')
}
