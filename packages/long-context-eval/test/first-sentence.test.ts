import { firstSentenceRetrieval } from 'long-context-eval'
import { describe, expect, it } from 'vitest'
import { reader, wordTokenizer } from './models.ts'

const sentences = [
  'Mr. Brown lived at the end of the lane.',
  '"Who goes there?" he asked the two men at the gate.',
  'It was late in the year 1851, and cold!',
]
const filler = (words: number) => Array.from({ length: words }, (_, i) => `word${i}`).join(' ')
const documents = sentences.map((sentence) => `${sentence} ${filler(300)}.`)
const prompt = ' First sentence again:'

/** Repeats what it reads from the first character on, as a base model would: on and on. */
const copier = (text: string) => ` ${text}`

describe('firstSentenceRetrieval', () => {
  it('gives a perfect copier 100 at every length, though it copies on beyond the sentence', async () => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, Number.POSITIVE_INFINITY, copier)
    const results = await firstSentenceRetrieval(model, { documents, lengths: [32, 128], tokenizer, prompt, maxNewTokens: 20 })
    expect(results.map(({ length, rougeL, skipped }) => ({ length, rougeL, skipped }))).toEqual(
      [32, 128].map((length) => ({ length, rougeL: 100, skipped: { noSentence: 0, tooShort: 0 } })),
    )
    expect(prompts.map(({ length }) => length)).toEqual([32, 32, 32, 128, 128, 128])
    for (const own of prompts) expect(tokenizer.decode(own).endsWith(prompt)).toBe(true)
    // the second asks "Who goes there?" after fewer than 20 characters, so the sentence goes on
    expect(results[0]!.perDocument.map(({ document, reference, prediction }) => [document, reference, prediction])).toEqual(
      sentences.map((sentence, i) => [i, sentence, sentence]),
    )
  })

  it('fails a model that sees only the last k tokens, beyond k', async () => {
    const tokenizer = wordTokenizer()
    const { model } = reader(tokenizer, 100, copier)
    const results = await firstSentenceRetrieval(model, { documents, lengths: [50, 100, 150, 200], tokenizer, prompt, maxNewTokens: 20 })
    expect(results.slice(0, 2).map(({ rougeL }) => rougeL)).toEqual([100, 100])
    for (const { rougeL } of results.slice(2)) expect(rougeL).toBeLessThan(10)
  })

  it('asks for a sentence only as far as maxNewTokens and the prompt reach', async () => {
    const tokenizer = wordTokenizer()
    const { model } = reader(tokenizer, Number.POSITIVE_INFINITY, (text) => text)
    const options = { documents, tokenizer, prompt }
    const [short] = await firstSentenceRetrieval(model, { ...options, lengths: [64], maxNewTokens: 4 })
    expect(short!.rougeL).toBe(100)
    expect(short!.perDocument[0]!.reference).toBe('Mr. Brown lived at')
    const [early] = await firstSentenceRetrieval(model, { ...options, lengths: [6] }) // three words of the document, three of the prompt
    expect(early!.rougeL).toBe(100)
    expect(early!.perDocument.map(({ reference }) => reference)).toEqual(['Mr. Brown lived', '"Who goes there?"', 'It was late'])
  })

  it('scores an answer in part, and cuts what comes after its first sentence', async () => {
    const tokenizer = wordTokenizer()
    const { model } = reader(tokenizer, 0, () => '\nMr. Brown lived in the big city then.  And more, and more.')
    const [result] = await firstSentenceRetrieval(model, { documents: documents.slice(0, 1), lengths: [64], tokenizer, prompt })
    expect(result!.perDocument[0]!.prediction).toBe('Mr. Brown lived in the big city then.')
    // "mr brown lived … the …" of 9 and 8 words: 2·4/17
    expect(result!.rougeL).toBeCloseTo((100 * 8) / 17, 10)
  })

  it('leaves out and counts documents without a first sentence, and those too short for a length', async () => {
    const tokenizer = wordTokenizer()
    const { model } = reader(tokenizer, Number.POSITIVE_INFINITY, copier)
    const mixed = [
      ...documents,
      filler(300),
      '北京是中国的首都，也是一个非常古老的城市，有很多的人住在那里! 然后',
      `${sentences[0]} ${filler(60)}.`,
    ]
    const results = await firstSentenceRetrieval(model, { documents: mixed, lengths: [64, 256], tokenizer, prompt, maxNewTokens: 20 })
    expect(results.map(({ perDocument, skipped }) => [perDocument.map(({ document }) => document), skipped])).toEqual([
      [[0, 1, 2, 5], { noSentence: 2, tooShort: 0 }],
      [[0, 1, 2], { noSentence: 2, tooShort: 1 }],
    ])
  })

  it('has a prompt of its own, reports progress and stops where the signal says so', async () => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, Number.POSITIVE_INFINITY, copier)
    const steps: string[] = []
    const controller = new AbortController()
    const onProgress = (done: number, total: number) => {
      steps.push(`${done}/${total}`)
      if (done === 2) controller.abort(new Error('enough'))
    }
    const run = firstSentenceRetrieval(model, { documents, lengths: [64], tokenizer, signal: controller.signal, onProgress })
    await expect(run).rejects.toThrow('enough')
    expect(steps).toEqual(['1/3', '2/3'])
    expect(tokenizer.decode(prompts[0]!)).toMatch(/first sentence .*Answer:\s$/s)
  })

  it.each([
    ['no documents', { documents: [] }, 'documents is empty'],
    ['no lengths', { lengths: [] }, 'lengths is empty'],
    ['a length the prompt fills', { lengths: [3] }, 'a length (the prompt alone has 3 tokens) is 3; it must be a whole number ≥ 4'],
    ['no answer', { maxNewTokens: 0 }, 'maxNewTokens is 0'],
    [
      'a length no document has',
      { lengths: [64, 1000] },
      'no document fits length 1000: of 3, 0 have no first sentence, the others have at most 311 tokens where 997',
    ],
    ['documents of no sentence', { documents: [filler(99)] }, 'of 1, 1 have no first sentence'],
  ])('refuses %s, before it calls the model', async (_, over, message) => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, 9, copier)
    await expect(firstSentenceRetrieval(model, { documents, lengths: [64], tokenizer, prompt, ...over })).rejects.toThrow(message)
    expect(prompts).toEqual([])
  })
})
