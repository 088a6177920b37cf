/** A run whose journal may not grow beyond what the shell allows: full-disk-client.ts JOURNAL. Prints outcomes, then why it ended. */
import { selfInstruct } from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'

const [path = ''] = process.argv.slice(2)
const documents = Array.from({ length: 40 }, (_, i) => ({ id: `d${i}`, text: `Ship ${i} sailed in ${1800 + i}.` }))
let asked = 0
try {
  const journal = await openJournal(path, { run: 'full disk' })
  const complete = journal.remember(async (messages) => {
    asked++
    const [, ship, year] = /Ship (\d+) sailed in (\d+)/.exec(messages[0]!.content)!
    return `<question>When did ship s${ship} number ${ship}${ship} sail?</question><answer>in ${year}</answer>`
  })
  const run = selfInstruct({ documents, complete, critique: false, concurrency: 1, duplicates: { threshold: 1, within: 'all' } })
  for await (const outcome of run) console.log(outcome.kind, outcome.documentId)
  await journal.close()
} catch (error) {
  console.log(String(error))
}
console.log(`asked ${asked}`)
