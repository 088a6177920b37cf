// §4.3 of the paper, from selfinstruct to seq-packer: long instances one a row, right-padded; short chats concatenated; a share of pretraining text.
import { chatDocument, type Exercise, instance, type TokenDocument } from 'selfinstruct'
import { type Document, mix, pack, type Row } from 'seq-packer'
import { expect, test } from 'vitest'

const rowLength = 16_384
const encode = (text: string) => Array.from(text, (letter) => 3 + (letter.codePointAt(0)! % 1000))
const encoding = { encode, begin: [1], end: [2] }

const long = Array.from({ length: 6 }, (_, i): TokenDocument => {
  const text = `Document ${i}. `.repeat(3000 + 100 * i)
  const pair: Exercise = {
    documentId: `d${i}`,
    promptKind: 'normal',
    question: `Which? ${i}`,
    answer: `${i}`,
    chunks: [{ start: 0, end: 20 }],
  }
  const made = instance({ pair, text, contextLength: rowLength - 1000, ...encoding })
  if (made.kind !== 'document') throw new Error(made.detail)
  return made
})
const chats = Array.from({ length: 2000 }, (_, i) => {
  const messages = [
    { role: 'user', content: `What is ${i}?` },
    { role: 'assistant', content: `A number: ${i}.` },
  ] as const
  return chatDocument({ messages }, { id: `c${i}`, ...encoding })
})
const pretraining: Document[] = Array.from({ length: 40 }, (_, i) => ({
  id: `p${i}`,
  source: 'text',
  tokens: encode('Whale. '.repeat(1000)),
}))

test('rows of the three sources come in their shares, and keep tokens, weights and padding', () => {
  const weights = { pairs: 0.5, chat: 0.3, pretrain: 0.2 }
  const rows = mix(
    {
      pairs: () => pack(long, { rowLength, strategy: 'pad' }),
      chat: () => pack(chats, { rowLength, strategy: 'concat' }),
      pretrain: () => pack(pretraining, { rowLength, strategy: 'concat' }),
    },
    { weights, seed: 1 },
  )
  const taken: Row[] = Array.from({ length: 60 }, () => rows.next().value!)
  const kinds = taken.map(({ lossWeights, segmentIds }) => {
    const learned = lossWeights.filter((weight) => weight > 0).length
    const segments = Math.max(...segmentIds)
    if (segmentIds.at(-1) === 0) return segments === 1 ? 'pairs' : 'padded'
    return learned < 0.6 * rowLength ? 'chat' : 'pretrain'
  })
  const share = (kind: string) => kinds.filter((each) => each === kind).length / kinds.length
  for (const [kind, weight] of Object.entries(weights)) expect(Math.abs(share(kind) - weight), kind).toBeLessThan(0.05)

  const row = taken[kinds.indexOf('pairs')]!
  const document = long.find(({ tokens }) => tokens.every((token, t) => row.tokens[t] === token))!
  expect(row.tokens.subarray(document.tokens.length).every((token) => token === 0)).toBe(true)
  expect(row.segmentIds.subarray(document.tokens.length).every((id) => id === 0)).toBe(true)
  expect(Array.from(row.lossWeights.subarray(0, document.tokens.length))).toEqual(document.lossWeights)
})
