// Saves one of two models after the other until it is killed: npx tsx --conditions=@repo/source save-child.ts FOLDER FILE.gguf
import * as tf from '@tensorflow/tfjs'
import { exportGguf, savePretrained } from 'llama-model'
import { makeParams, smallConfig } from './support.ts'

tf.env().set('IS_TEST', true)
const [, , dir = '', file = ''] = process.argv
const models = [1, 2].map((seed) => makeParams(smallConfig, seed))
for (let i = 0; ; i++) {
  const params = models[i % 2]!
  await savePretrained(dir, { params, config: smallConfig, maxShardBytes: 6000 })
  await exportGguf(file, { params, config: smallConfig, dtype: 'float32' })
  if (i === 1) console.log('both saved')
}
