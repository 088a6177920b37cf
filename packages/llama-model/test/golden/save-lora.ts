// Saves the models and adapters of lora-cases.ts and what make-lora.py needs to know of them:
//   npx tsx --conditions=@repo/source packages/llama-model/test/golden/save-lora.ts FOLDER
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { saveLora, savePretrained } from 'llama-model'
import { makeParams, tokenIds } from '../support.ts'
import { caseLength } from './cases.ts'
import { loraCases, makeLora } from './lora-cases.ts'

tf.env().set('IS_TEST', true)
const [, , dir] = process.argv
if (!dir) throw new Error('save-lora.ts: name a folder')
const tokens: Record<string, number[][]> = {}
for (const [name, { model, lora }] of Object.entries(loraCases)) {
  const config = { ...model, lora }
  await savePretrained(join(dir, name), { params: makeParams(model), config: model })
  await saveLora(join(dir, `${name}-lora`), { params: makeLora(config), config, baseModel: 'model' })
  tokens[name] = tokenIds(2, caseLength, model.vocabSize)
}
writeFileSync(join(dir, 'inputs.json'), JSON.stringify({ tokens }))
