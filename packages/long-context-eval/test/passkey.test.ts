import { passkey } from 'long-context-eval'
import { describe, expect, it } from 'vitest'
import { reader, wordTokenizer } from './models.ts'

/** Says the number after "pass key is", if it sees one. */
const finder = (text: string) => ` ${text.match(/pass key is (\d+)/)?.[1] ?? 'unknown'}. Of course.`
const depths = [0, 0.25, 0.5, 0.75, 1]

describe('passkey', () => {
  it('gives a model that sees everything 1, everywhere; prompts have exactly the length', async () => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, Number.POSITIVE_INFINITY, finder)
    const results = await passkey(model, { lengths: [100, 400], depths, trials: 3, seed: 1, tokenizer })
    expect(results.map(({ length, depth, accuracy }) => [length, depth, accuracy])).toEqual(
      [100, 400].flatMap((length) => depths.map((depth) => [length, depth, 1])),
    )
    expect(prompts.map(({ length }) => length)).toEqual([100, 400].flatMap((length) => Array(15).fill(length)))
    for (const { trials } of results) for (const { key } of trials) expect(key).toMatch(/^[1-9]\d{4}$/)
    expect(new Set(results[0]!.trials.map(({ key }) => key)).size).toBe(3)
    // the same keys at every length and depth
    for (const { trials } of results) expect(trials.map(({ key }) => key)).toEqual(results[0]!.trials.map(({ key }) => key))
  })

  it('shows how far a model sees that has only the last k tokens', async () => {
    const tokenizer = wordTokenizer()
    const { model } = reader(tokenizer, 100, finder)
    const results = await passkey(model, { lengths: [100, 300], depths, trials: 2, seed: 1, tokenizer })
    expect(results.map(({ accuracy }) => accuracy)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 1, 1])
  })

  it('puts the needle at its depth, between tokens of the filler, with the template around', async () => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, 9, () => '1')
    const template = { introduction: 'Read.', filler: 'f1 f2 f3', needle: (key: string) => ` KEY ${key}`, question: ' Key?' }
    const results = await passkey(model, { lengths: [14], depths, trials: 1, seed: 5, tokenizer, template, digits: 2 })
    const key = results[0]!.trials[0]!.key
    expect(prompts.map((prompt) => tokenizer.decode(prompt).replace(/\s+/g, ' '))).toEqual([
      // room for ten tokens of filler, a line break after each round among them; 0, 3, 5, 8 and 10 stand before the needle
      `Read. KEY ${key}f1 f2 f3 f1 f2 f3 f1 f2 Key?`,
      `Read.f1 f2 f3 KEY ${key} f1 f2 f3 f1 f2 Key?`,
      `Read.f1 f2 f3 f1 KEY ${key} f2 f3 f1 f2 Key?`,
      `Read.f1 f2 f3 f1 f2 f3 KEY ${key}f1 f2 Key?`,
      `Read.f1 f2 f3 f1 f2 f3 f1 f2 KEY ${key} Key?`,
    ])
  })

  it('begins with one of several texts, goes on with the next, and repeats itself from a seed', async () => {
    const run = async (seed: number) => {
      const tokenizer = wordTokenizer()
      const { model, prompts } = reader(tokenizer, 9, () => '1')
      const filler = ['a a a a a', 'b b b b b', 'c c c c c', '  ']
      await passkey(model, {
        lengths: [24],
        depths: [1],
        trials: 20,
        seed,
        tokenizer,
        template: { filler, needle: (key) => ` ${key}`, question: ' ?' },
      })
      return prompts.map((prompt) => tokenizer.decode(prompt).replace(/\s+/g, ''))
    }
    const texts = await run(1)
    expect(new Set(texts.map((text) => text[0]))).toEqual(new Set(['a', 'b', 'c']))
    for (const text of texts) expect(text).toMatch(/^(a{5}b{5}c{5}|b{5}c{5}a{5}|c{5}a{5}b{5})/)
    expect(await run(1)).toEqual(texts)
    expect(await run(2)).not.toEqual(texts)
  })

  it.each([
    ['12345', true],
    ['It is 12345.', true],
    ['123456', false],
    ['1234', false],
    ['7 and 12345', false],
    ['', false],
  ])('the first number in the answer counts: %s', async (answer, correct) => {
    const tokenizer = wordTokenizer()
    let key = ''
    const keep = (own: string) => {
      key = own
      return ` ${own}`
    }
    const template = { filler: 'f', needle: keep, question: ' ?' }
    const { model } = reader(tokenizer, 9, () => answer.replace('12345', key))
    const [result] = await passkey(model, { lengths: [9], depths: [0], trials: 1, seed: 1, tokenizer, template })
    // '1234' must not be the key by chance
    expect(result!.trials[0]).toMatchObject({ key, correct })
    expect(result!.accuracy).toBe(Number(correct))
  })

  it.each([
    ['no lengths', { lengths: [] }, 'lengths is empty'],
    ['no depths', { depths: [] }, 'depths is empty'],
    ['a depth of 50', { depths: [0, 50] }, 'a depth is 50; it must be in [0, 1]'],
    ['no trials', { trials: 0 }, 'trials is 0'],
    ['no digits', { digits: 0 }, 'digits is 0'],
    ['no answer', { maxNewTokens: 0 }, 'maxNewTokens is 0'],
    ['half a length', { lengths: [99.5] }, 'a length is 99.5'],
    ['a length below the template', { lengths: [200, 20] }, /length 20 cannot hold the template, which has \d+ tokens without filler/],
    ['an empty filler', { template: { filler: ' ', needle: (key: string) => key, question: '?' } }, 'template.filler is empty'],
  ])('refuses %s, before it calls the model', async (_, over, message) => {
    const tokenizer = wordTokenizer()
    const { model, prompts } = reader(tokenizer, 9, finder)
    await expect(passkey(model, { lengths: [100], depths, trials: 1, seed: 1, tokenizer, ...over })).rejects.toThrow(message)
    expect(prompts).toEqual([])
  })
})
