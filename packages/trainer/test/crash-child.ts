// A run that scripts/crash-test.ts kills: node --import tsx --conditions=@repo/source crash-child.ts <folder> plain|accumulation|curriculum
// A small next-token model over packed rows, saved so often that about half of its time is saving; prints a line once it trains.
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { type Document, mix, pack, repack } from 'seq-packer'
import { type Batch, batches } from 'seq-packer/tfjs'
import { curriculum, curriculumBatches, latestCheckpoint, loadCheckpoint, metricsLog, type Params, shortThenLong, train } from 'trainer'
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
const documents = () => mix({ a: source('a', 1), b: source('b', 2) }, { weights: { a: 0.7, b: 0.3 }, seed: 5 })
const lengths = kind === 'curriculum' ? shortThenLong(0.5, { short: 32, long: 64 }) : [{ sequenceLength: 32, fraction: 1 }]
const accumulation = kind === 'accumulation' ? 2 : 1
const data = curriculumBatches(
  curriculum({ totalSteps, tokensPerBatch: 256, phases: lengths }),
  ({ sequenceLength, batchSize }, before) => {
    const options = { strategy: 'best-fit', rowLength: sequenceLength, openRows: 8 } as const
    const rows = batches(pack(documents(), options), batchSize)
    if (before !== null) rows.restore(repack(before, options))
    return rows
  },
  { batchesPerStep: accumulation },
)

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
const log = await metricsLog(join(dir, 'metrics.jsonl'), { resume })
for await (const report of train({
  params,
  loss,
  batches: data.batches,
  learningRate: (step) => 0.01 * (1 - step / totalSteps),
  totalSteps,
  gradientAccumulation: accumulation,
  tokens: ({ lossWeights }) => tf.sum(lossWeights) as tf.Scalar,
  resume,
  checkpoint: { dir: checkpoints, every: 3, data: data.data, background: kind === 'accumulation' },
})) {
  await log(report)
  if (report.step === (resume?.step ?? 0) + 1) process.stdout.write('training\n')
}
