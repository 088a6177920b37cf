// Saves the models of cases.ts and what make.py needs to know of them:
//   npx tsx --conditions=@repo/source packages/llama-model/test/golden/save.ts FOLDER
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { savePretrained } from 'llama-model'
import { makeParams, tokenIds } from '../support.ts'
import { caseLength, cases, packed } from './cases.ts'

tf.env().set('IS_TEST', true)
const [, , dir] = process.argv
if (!dir) throw new Error('save.ts: name a folder')
const tokens: Record<string, number[][]> = {}
for (const [name, config] of Object.entries(cases)) {
  // one of them in shards
  await savePretrained(join(dir, name), { params: makeParams(config), config, maxShardBytes: name === 'plain' ? 6000 : 5e9 })
  tokens[name] = tokenIds(2, caseLength, config.vocabSize)
}
writeFileSync(join(dir, 'inputs.json'), JSON.stringify({ tokens, packed }))
