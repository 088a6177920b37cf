import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEncoder, type EncoderOptions } from '../src/node/encoder.ts'
import { loadTokenizer } from '../src/node/native-tokenizer.ts'

interface Kind {
  readonly name: string
  readonly tokenizer: object
  readonly ids: readonly (readonly number[])[]
}
const golden: { readonly texts: readonly string[]; readonly kinds: readonly Kind[] } = JSON.parse(
  readFileSync(new URL('./golden/tokens.json', import.meta.url), 'utf8'),
)
const cut = ['GPT-2', 'Llama 3', 'Qwen 2', 'GPT-4o', 'SmolLM', 'added tokens']
const plain: EncoderOptions = { addSpecialTokens: true, endToken: null }

async function encode(tokenizer: object, texts: readonly string[], options = plain): Promise<number[][]> {
  const { encode } = await createEncoder(JSON.stringify(tokenizer), options)
  const { tokens, lengths } = await encode(texts)
  let end = 0
  return Array.from(lengths, (length) => {
    end += length
    return Array.from(tokens.subarray(end - length, end))
  })
}

describe.each(golden.kinds)('a tokenizer like that of $name', ({ name, tokenizer, ids }) => {
  it("gives the ids of Python's library, for odd texts, too", async () => {
    expect(loadTokenizer(JSON.stringify(tokenizer)).afterWord !== undefined, 'encodes pieces').toBe(cut.includes(name))
    expect(await encode(tokenizer, golden.texts)).toEqual(ids)
  })

  it('gives the ids of the library for any text, alone and after others', async () => {
    const json = JSON.stringify(tokenizer)
    const { tokenizer: library } = loadTokenizer(json)
    const { encode: encodeAll } = await createEncoder(json, plain)
    const part = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...'aBfox7 .,-/_|><({[\n\r\t', "'s", "'LL", '  ', '\r\n', '<|endoftext|>', '    ', "fox's") },
      {
        weight: 2,
        arbitrary: fc.constantFrom(...'é\u0301\u00df漢한\u1112\u1161\u11ab١²ſİ\u00a0\u3000\u200b\u2028\u0085\ufeff', '🙂', '👨‍👩‍👧', '𝒜'),
      },
      fc.string({ unit: 'binary', maxLength: 3 }).filter((own) => !/\p{Surrogate}/u.test(own)),
    )
    const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (texts) => {
        const { tokens, lengths } = await encodeAll(texts)
        const expected: number[][] = (await library.encodeBatch([...texts])).map((own) => own.getIds())
        expect(Array.from(lengths)).toEqual(expected.map(({ length }) => length))
        expect(Array.from(tokens)).toEqual(expected.flat())
      }),
      { numRuns: cut.includes(name) ? 400 : 50 },
    )
  })
})

it('ends every text with a token, and leaves out what the post-processor adds', async () => {
  const { tokenizer, ids } = golden.kinds.find(({ name }) => name === 'Llama 3')!
  const ended = await encode(tokenizer, golden.texts.slice(0, 2), { addSpecialTokens: true, endToken: '<|endoftext|>' })
  expect(ended).toEqual(ids.slice(0, 2).map((own) => [...own, 0]))
  const bare = await encode(tokenizer, golden.texts.slice(0, 2), { addSpecialTokens: false, endToken: null })
  expect(bare).toEqual(ids.slice(0, 2).map((own) => own.slice(1)))
  await expect(encode(tokenizer, [], { addSpecialTokens: true, endToken: '</s>' })).rejects.toThrow(
    "endToken '</s>' is not in the vocabulary",
  )
})
