import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type TrainOptions, trainTokenizer } from 'seq-packer/node'
import { describe, expect, it } from 'vitest'
import { merges } from '../src/node/bpe/merges.ts'
import { splitWords, wordPatterns } from '../src/node/bpe/split-words.ts'
import { createEncoder } from '../src/node/encoder.ts'

interface Model {
  readonly vocab: Readonly<Record<string, number>>
  readonly merges: readonly (readonly [string, string])[]
}
interface Kind {
  readonly name: string
  readonly tokenizer: { readonly model: Model; readonly pre_tokenizer: object }
  readonly ids: readonly (readonly number[])[]
}
const golden: { readonly texts: readonly string[]; readonly kinds: readonly Kind[] } = JSON.parse(
  readFileSync(new URL('./golden/tokens.json', import.meta.url), 'utf8'),
)
const texts = [...golden.texts, ...golden.texts].map((text) => ({ text }))

async function train(documents: Iterable<{ text: string }>, options: TrainOptions): Promise<string> {
  const run = trainTokenizer(documents, options)
  for (;;) {
    const { value, done } = await run.next()
    if (done) return value
  }
}

describe('trainTokenizer', () => {
  it.each<[string, TrainOptions]>([
    ['GPT-2', { vocabularySize: 420, pattern: 'gpt-2' }],
    ['SmolLM', { vocabularySize: 420, pattern: 'smollm' }],
    ['Llama 3', { vocabularySize: 420, specialTokens: ['<|endoftext|>', '<|begin|>'] }],
  ])("makes the vocabulary, merge by merge, that Python's BpeTrainer makes: %s", async (name, options) => {
    const { tokenizer, ids } = golden.kinds.find((kind) => kind.name === name)!
    const json = await train(texts, options)
    const own: Kind['tokenizer'] = JSON.parse(json)
    expect(own.model.merges).toEqual(tokenizer.model.merges)
    expect(own.model.vocab).toEqual(tokenizer.model.vocab)
    expect(own.pre_tokenizer).toEqual(tokenizer.pre_tokenizer)
    const { encode } = await createEncoder(json, { addSpecialTokens: false, endToken: null })
    const expected = ids.map((row) => (name === 'Llama 3' ? row.slice(1) : row)) // without its post-processor
    expect(Array.from((await encode(golden.texts)).tokens)).toEqual(expected.flat())
  })

  it('joins the most frequent pair at each step, as counting anew shows', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 9 })
    const words = fc.uniqueArray(fc.tuple(word, fc.integer({ min: 1, max: 5 })), { maxLength: 8, selector: ([own]) => own })
    fc.assert(
      fc.property(words, (counted) => {
        const parts = counted.map(([own, count]) => ({ count, symbols: [...own].map((letter) => letter.charCodeAt(0)) }))
        const tokenOf = Array.from({ length: 256 }, (_, byte) => byte)
        const names = tokenOf.map((byte) => String.fromCharCode(byte))
        const name = (left: number, right: number) => names.push(names[left]! + names[right]!) - 1
        for (const { left, right, token } of merges(new Map(counted), tokenOf, name)) {
          const pairs = new Map<string, number>()
          for (const { symbols, count } of parts)
            for (let i = 1; i < symbols.length; i++) {
              const key = `${symbols[i - 1]} ${symbols[i]}`
              pairs.set(key, (pairs.get(key) ?? 0) + count)
            }
          const most = Math.max(...pairs.values())
          expect(pairs.get(`${left} ${right}`)).toBe(most)
          for (const { symbols } of parts)
            for (let i = 1; i < symbols.length; i++) if (symbols[i - 1] === left && symbols[i] === right) symbols.splice(i - 1, 2, token)
        }
        expect(parts.every(({ symbols }) => symbols.length === 1)).toBe(true)
      }),
    )
  })

  it('splits texts into words, and loses no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...wordPatterns), (text, pattern) => {
        expect(splitWords(text, pattern).join('')).toBe(text)
      }),
    )
    expect(splitWords("I'LL go, 12345\n\n  on", 'llama-3')).toEqual(['I', "'LL", ' go', ',', ' ', '123', '45', '\n\n', ' ', ' on'])
    expect(splitWords("I'll go, 12345\n\n  on", 'gpt-2')).toEqual(['I', "'ll", ' go', ',', ' 12345', '\n\n ', ' on'])
    expect(splitWords("I'll go, 12345\n\n  on", 'smollm')).toEqual(['I', "'ll", ' go', ',', ' ', '1', '2', '3', '4', '5', '\n\n ', ' on'])
  })

  it.each<[string, TrainOptions, string]>([
    ['too small a vocabulary', { vocabularySize: 256 }, 'trainTokenizer: vocabularySize is 256; it must be a whole number ≥ 257.'],
    ['too little text', { vocabularySize: 9000 }, 'Give more texts, or choose a smaller vocabularySize.'],
    ['one special token twice', { vocabularySize: 300, specialTokens: ['a', 'a'] }, 'specialTokens are ["a","a"]; they must differ'],
  ])('refuses %s', async (_, options, message) => {
    await expect(train(texts, options)).rejects.toThrow(message)
  })
})
