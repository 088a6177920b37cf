import fc from 'fast-check'
import {
  chatDocument,
  conversation,
  type Exercise,
  fittingText,
  type InstanceOptions,
  instance,
  instructionTemplate,
  messagesLine,
} from 'selfinstruct'
import { describe, expect, it } from 'vitest'

const text = Array.from({ length: 200 }, (_, i) => `Sentence ${i} says number ${i}.`).join(' ')
const exerciseAt = (start: number, end: number): Exercise => ({
  documentId: 'd',
  promptKind: 'short',
  question: 'Which number?',
  answer: 'number 7',
  chunks: [{ start, end }],
})
/** A tokenizer of characters: as many tokens as UTF-16 units. */
const encode = (of: string) => Array.from({ length: of.length }, (_, i) => of.charCodeAt(i))
const decode = (tokens: readonly number[]) => String.fromCharCode(...tokens)
const templateLength = instructionTemplate({ kind: 'short', document: '', question: 'Which number?' }).length

function documentOf(options: Partial<InstanceOptions> = {}) {
  const made = instance({ pair: exerciseAt(0, 27), text, contextLength: 100_000, encode, begin: [1], end: [2], ...options })
  if (made.kind !== 'document') throw new Error(made.detail)
  return made
}

describe('instance', () => {
  it('is begin, the whole document in the template, the answer and end, all but begin with loss', () => {
    const { id, source, tokens, lossWeights } = documentOf()
    expect([id, source]).toEqual(['d: Which number?', 'self-instruct'])
    expect(tokens[0]).toBe(1)
    expect(tokens.at(-1)).toBe(2)
    expect(decode(tokens.slice(1, -1))).toBe(
      `${instructionTemplate({ kind: 'short', document: text, question: 'Which number?' })} number 7`,
    )
    expect(lossWeights).toEqual([0, ...tokens.slice(1).map(() => 1)])
  })

  it('has the weight on the prompt that was asked for', () => {
    for (const promptWeight of [0, 0.25, 1]) {
      const { lossWeights } = documentOf({ promptWeight })
      const answer = ' number 7'.length + 1
      expect(new Set(lossWeights.slice(1, -answer))).toEqual(new Set([promptWeight]))
      expect(lossWeights.slice(-answer)).toEqual(Array.from({ length: answer }, () => 1))
    }
  })

  it('is cut to the context, and keeps the chunk: the beginning of the document where that holds it, else what ends with it', () => {
    for (const [start, end] of [
      [0, 27],
      [2000, 2100],
      [text.length - 50, text.length],
    ] as const) {
      const contextLength = templateLength + 1000
      const { tokens } = documentOf({ pair: exerciseAt(start, end), contextLength })
      expect(tokens.length).toBeLessThanOrEqual(contextLength)
      expect(tokens.length).toBeGreaterThan(contextLength - 30)
      const [, shown = ''] = decode([...tokens]).split('"""\n')
      expect(shown).toContain(text.slice(start, end))
      expect(text.startsWith(shown.slice(0, -1))).toBe(end < 1000)
    }
  })

  it('is a rejection where the chunks do not fit, and an error where the template does not', () => {
    const made = instance({ pair: exerciseAt(0, 500), text, contextLength: templateLength + 300, encode })
    expect(made).toMatchObject({
      kind: 'rejection',
      reason: 'no-room',
      documentId: 'd',
      detail: `question, answer and chunks do not fit into ${templateLength + 300} tokens: "Which number?"`,
    })
    expect(() => documentOf({ contextLength: 64 })).toThrow(
      /^instance: contextLength is 64, and the template alone takes \d+ tokens; choose a longer context\.$/,
    )
    expect(() => documentOf({ promptWeight: -1 })).toThrow('instance: promptWeight is -1; it must be a number ≥ 0')
  })

  it('splits no character', () =>
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 300 }), fc.nat(180), (room, at) => {
        const whales = '🐋x'.repeat(100)
        const start = 3 * Math.floor(at / 3)
        const piece = fittingText(whales, [{ start, end: start + 3 }], { room, count: (part) => part.length })
        expect(piece).toMatch(/^x?(🐋x)*🐋?$/u)
        expect(piece!.length).toBeLessThanOrEqual(room)
      }),
    ))
})

describe('conversations', () => {
  it('are messages with the whole document, one JSON line each', () => {
    const made = conversation(exerciseAt(0, 27), 'It said """no"""\n[/INST]')
    expect(made.messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
    const line = messagesLine(made)
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(JSON.parse(line)).toEqual(made)
    expect(made.messages[0]!.content).toContain('\n""""\nIt said """no"""\n[ /INST]\n""""\nQuestion: Which number?')
    expect(JSON.parse(messagesLine({ messages: [{ role: 'user', content: 'a\ud83d' }] })).messages[0].content).toBe('a\ufffd')
  })

  it('become documents with loss on what the assistant says', () => {
    const messages = [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'U' },
      { role: 'assistant', content: 'A' },
      { role: 'user', content: 'V' },
      { role: 'assistant', content: 'B' },
    ] as const
    const { tokens, lossWeights, id, source } = chatDocument({ messages }, { id: 'c', encode, begin: [1], end: [2] })
    expect([id, source, decode([...tokens])]).toEqual([
      'c',
      'chat',
      '\x01[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A\x02[INST] V [/INST] B\x02',
    ])
    expect(tokens.filter((_, i) => lossWeights[i] === 1)).toEqual(encode(' A\x02 B\x02'))
    expect(() => chatDocument({ messages: messages.slice(0, 2) }, { id: 'c', encode })).toThrow(
      "chatDocument: in 'c' the assistant says nothing",
    )
  })
})
