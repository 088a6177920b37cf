/** A run that may be killed at any moment: client.ts BASE_URL FOLDER. It ends with the outcomes in FOLDER/outcomes.json. */
import { renameSync, writeFileSync } from 'node:fs'
import { limited, type Pair, type Rejection, selfInstruct } from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'
import { openAICompatible } from 'selfinstruct/openai'

const [baseURL = '', folder = ''] = process.argv.slice(2)
const documents = Array.from({ length: 500 }, (_, i) => ({ id: `d${i}`, text: `Document ${i} tells of ship ${i}.` }))
const journal = await openJournal(`${folder}/journal.jsonl`, { run: 'fault-test' })
const { complete } = limited(openAICompatible({ baseURL, model: 'scripted', maxRetries: 0 }), {
  maxRetries: 30,
  firstDelayMs: 2,
  maxDelayMs: 20,
  timeoutMs: 400,
})
const outcomes: (Pair | Rejection)[] = []
for await (const outcome of selfInstruct({ documents, complete: journal.remember(complete), minGroundedness: 0, concurrency: 16 }))
  outcomes.push(outcome)
await journal.close()
writeFileSync(`${folder}/outcomes.part`, JSON.stringify(outcomes))
renameSync(`${folder}/outcomes.part`, `${folder}/outcomes.json`)
