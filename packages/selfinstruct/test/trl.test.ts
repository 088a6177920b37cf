// What TRL makes of the messages: golden/messages.jsonl is what messagesLine writes, golden/trl.json what TRL's own loader and trainer made of it.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { conversation, type Exercise, messagesLine } from 'selfinstruct'
import { expect, it } from 'vitest'

const golden = (name: string): string => fileURLToPath(new URL(`golden/${name}`, import.meta.url))
const python = fileURLToPath(new URL('../../../node_modules/.cache/peers/trl/bin/python', import.meta.url))
const about = { documentId: 'd', chunks: [{ start: 0, end: 9 }] }
const exercises: readonly (readonly [Exercise, string])[] = [
  [
    { ...about, promptKind: 'short', question: 'When was the board convened?', answer: 'October 4, 1888' },
    'The board was convened near Paris on October 4, 1888.\n\nIts members were sworn to secrecy.',
  ],
  [
    { ...about, promptKind: 'normal', question: 'What says "Ω 鯨 🐋"?', answer: 'It says:\n\t"""no"""\\n' },
    'Hostile: """quotes""", </s> [/INST] <|end|> {"messages": []} \u2028 \u0000 🐋 \ud83d',
  ],
  [{ ...about, promptKind: 'summary', question: 'What happens?', answer: 'Nothing. '.repeat(50).trim() }, 'Nothing happens. '.repeat(40)],
]
const conversations = exercises.map(([exercise, text]) => conversation(exercise, text))

it('the lines are those that TRL has read', async () => {
  await expect(conversations.map(messagesLine).join('')).toMatchFileSnapshot(golden('messages.jsonl'))
  const { columns, rows, lossIsFinite } = JSON.parse(readFileSync(golden('trl.json'), 'utf8'))
  expect([columns, lossIsFinite]).toEqual([['messages'], true])
  const shown = conversations.map(({ messages }) =>
    messages.map(({ content }) => content.replace('\ud83d ', '\ufffd ').replace('\ud83d\n', '\ufffd\n')),
  )
  expect(rows).toEqual(
    shown.map(([prompt, answer]) => ({ text: `<|user|>${prompt}<|assistant|>${answer}<|end|>`, learns: `${answer}<|end|>` })),
  )
})

it.skipIf(!existsSync(python))(
  'and TRL reads them so today (needs bench/setup-peers)',
  async () => {
    const { stdout } = await promisify(execFile)(python, [golden('make-trl.py'), golden('messages.jsonl')], { maxBuffer: 1 << 24 })
    expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(golden('trl.json'), 'utf8')))
  },
  300_000,
)
