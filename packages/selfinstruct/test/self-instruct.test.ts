import fc from 'fast-check'
import {
  type Complete,
  generationPrompt,
  type Pair,
  type Rejection,
  type SelfInstructOptions,
  selfInstruct as selfInstructWithChecks,
} from 'selfinstruct'
import { describe, expect, it } from 'vitest'
import golden from './golden/rouge.json' with { type: 'json' }
import { collect, collectUntilError, isCritique, reply, scripted, wordsOf } from './support.ts'

/** The answers here are mostly 'x', which stands in no text. */
const selfInstruct = (options: SelfInstructOptions) => selfInstructWithChecks({ minGroundedness: 0, ...options })

const documentsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `d${i}`,
    text: Array.from({ length: 30 }, (_, j) => `S${wordsOf(i * 100 + j, 6)}.`).join(' '),
  }))

const small = { chunkCharacters: { min: 200, max: 400 }, retries: 0 } as const

/** Replies in turn to generation and to critique prompts; the last one stays. */
function replying(generated: readonly string[], verdicts: readonly string[] = ['<verdict>yes</verdict>']) {
  const seeds: (number | undefined)[] = []
  let [asked, judged] = [0, 0]
  const complete: Complete = async (messages, options) => {
    seeds.push(options?.seed)
    return isCritique(messages) ? verdicts[Math.min(judged++, verdicts.length - 1)]! : generated[Math.min(asked++, generated.length - 1)]!
  }
  return { complete, seeds, calls: () => [asked, judged] }
}

const reasonOf = (outcome: Pair | Rejection | undefined) => (outcome?.kind === 'rejection' ? outcome.reason : outcome?.kind)

describe('selfInstruct', () => {
  it('yields pairsPerDocument outcomes per document in order, the same for a seed whatever the concurrency', async () => {
    const documents = documentsOf(5)
    const run = (options: Partial<SelfInstructOptions>, delay?: (call: number) => number) =>
      collect(selfInstruct({ documents, complete: scripted(delay), pairsPerDocument: 4, seed: 3, ...small, ...options }))
    const one = await run({ concurrency: 1 })
    expect(one.map(({ documentId }) => documentId)).toEqual(documents.flatMap(({ id }) => [id, id, id, id]))
    expect(one.filter(({ kind }) => kind === 'pair').length).toBeGreaterThan(10)
    expect(await run({ concurrency: 7 }, (call) => (call * 7) % 5)).toEqual(one)
    expect(await run({ seed: 4 })).not.toEqual(one)
  })

  it('draws for a document by its id alone, so that a run can go on with those that are left', async () => {
    const documents = documentsOf(6)
    const options = { complete: scripted(), ...small }
    const all = await collect(selfInstruct({ documents, ...options }))
    expect(await collect(selfInstruct({ documents: documents.slice(4), ...options }))).toEqual(all.slice(4))
  })

  it('has at most `concurrency` calls under way, and pulls documents as they are needed', async () => {
    let [running, most, pulled] = [0, 0, 0]
    const complete: Complete = async (messages) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 1))
      running--
      return isCritique(messages) ? '<verdict>yes</verdict>' : reply(wordsOf(pulled, 5), 'yes')
    }
    async function* documents() {
      for (const document of documentsOf(50)) {
        pulled++
        yield document
      }
    }
    let outcomes = 0
    for await (const _ of selfInstruct({ documents: documents(), complete, concurrency: 3 })) {
      expect(pulled).toBeLessThanOrEqual(++outcomes + 3)
    }
    expect([most, outcomes]).toEqual([3, 50])
  })

  it('draws prompt kinds with equal probability and asks by their prompts', async () => {
    const documents = documentsOf(1).map(({ text }) => ({ id: 'd', text }))
    const asked = new Map<string, number>()
    const complete: Complete = async ([message]) => {
      for (const kind of ['normal', 'short'] as const)
        if (message!.content.startsWith(generationPrompt({ kind, chunks: [] }))) asked.set(kind, (asked.get(kind) ?? 0) + 1)
      return ''
    }
    const outcomes = await collect(selfInstruct({ documents, complete, critique: false, pairsPerDocument: 1000, ...small }))
    const normal = outcomes.filter(({ promptKind }) => promptKind === 'normal').length
    expect(Math.abs(normal - 500)).toBeLessThan(64) // four standard deviations of Binomial(1000, 1/2); drawn from a fixed seed
    expect(asked).toEqual(
      new Map(
        [
          ['normal', normal],
          ['short', 1000 - normal],
        ].sort() as [string, number][],
      ),
    )
    const short = await collect(selfInstruct({ documents, complete, critique: false, kinds: ['short'], pairsPerDocument: 20, ...small }))
    expect(new Set(short.map(({ promptKind }) => promptKind))).toEqual(new Set(['short']))
  })

  it.each<[string, readonly string[], readonly string[], Partial<SelfInstructOptions>, string, string]>([
    ['no tags', ['Hm.'], [], {}, 'unparsable', 'no <question> and no <answer> in "Hm."'],
    ['empty tags', [reply(' ', 'x')], [], {}, 'empty', 'no question followed by an answer'],
    [
      'a long short answer',
      [reply('Who?', wordsOf(1, 17))],
      [],
      { kinds: ['short'] },
      'too-long',
      'an answer of 17 words, at most 16, to "Who?"',
    ],
    ['a long answer', [reply('Who?', wordsOf(1, 201))], [], { kinds: ['normal'] }, 'too-long', 'an answer of 201 words, at most 200'],
    ['a long question', [reply(wordsOf(1, 121), 'x')], [], {}, 'too-long', 'a question of 121 words, at most 120'],
    [
      'a no',
      [reply('Who?', 'x')],
      ['<verdict>no</verdict>'],
      {},
      'critique-rejected',
      '"<verdict>no</verdict>" about question "Who?", answer "x"',
    ],
    ['no verdict', [reply('Who?', 'x')], ['Hm.'], {}, 'critique-unparsable', '"Hm." about question "Who?", answer "x"'],
  ])('rejects after %s', async (_, generated, verdicts, options, reason, detail) => {
    const { complete } = replying(generated, verdicts)
    const [outcome] = await collect(selfInstruct({ documents: documentsOf(1), complete, ...small, ...options }))
    expect(outcome).toMatchObject({ kind: 'rejection', documentId: 'd0', reason, detail: expect.stringContaining(detail) })
  })

  it('accepts answers of exactly the longest length, and keeps the critique', async () => {
    const answer = wordsOf(1, 16)
    const { complete } = replying([reply('Who?', answer)], ['It is so. <verdict>yes</verdict>'])
    const [outcome] = await collect(selfInstruct({ documents: documentsOf(1), complete, kinds: ['short'], ...small }))
    expect(outcome).toMatchObject({ kind: 'pair', question: 'Who?', answer, critique: 'It is so. <verdict>yes</verdict>' })
    const [unchecked] = await collect(selfInstruct({ documents: documentsOf(1), complete, kinds: ['short'], critique: false, ...small }))
    expect(unchecked).not.toHaveProperty('critique')
  })

  it('asks again, with another seed, where tags are missing, as often as retries says', async () => {
    const good = replying(['Hm.', '', reply('Who?', 'x')], ['Hm.', '<verdict>yes</verdict>'])
    const [outcome] = await collect(selfInstruct({ documents: documentsOf(1), complete: good.complete, retries: 2 }))
    expect(reasonOf(outcome)).toBe('pair')
    expect(good.calls()).toEqual([3, 2])
    expect(new Set(good.seeds.slice(0, 3)).size).toBe(3)
    const bad = replying(['Hm.', '', reply('Who?', 'x')])
    expect((await collect(selfInstruct({ documents: documentsOf(1), complete: bad.complete, retries: 1 }))).map(reasonOf)).toEqual([
      'unparsable',
    ])
    expect(bad.calls()).toEqual([2, 0])
  })

  it('rejects documents without text, asking nothing', async () => {
    const { complete, calls } = replying([''])
    const documents = ['', ' \n '].map((text, i) => ({ id: `${i}`, text }))
    expect((await collect(selfInstruct({ documents, complete }))).map(reasonOf)).toEqual(['no-text', 'no-text'])
    expect(calls()).toEqual([0, 0])
  })
})

describe('near-duplicates', () => {
  const outcomesOf = (questions: readonly string[], duplicates: SelfInstructOptions['duplicates'], pairsPerDocument = questions.length) => {
    const documents = documentsOf(questions.length / pairsPerDocument)
    const { complete } = replying(questions.map((question) => reply(question, 'x')))
    return collect(
      selfInstruct({ documents, complete, pairsPerDocument, concurrency: 1, critique: false, ...(duplicates && { duplicates }) }),
    )
  }

  it.each(golden.cases)('are those whose ROUGE-L exceeds the threshold: "$earlier", "$later"', async ({ earlier, later, fmeasure }) => {
    const at = async (threshold: number) => reasonOf((await outcomesOf([earlier, later], { threshold, within: 'all' }))[1])
    // the same quotient in float64, rounded differently
    if (fmeasure < 1) expect(await at(Math.min(1, fmeasure + 1e-9))).toBe('pair')
    if (fmeasure > 0) expect(await at(fmeasure - 1e-9)).toBe('duplicate')
  })

  it('are looked for over all documents or within each, against those kept, by default above 0.7', async () => {
    const questions = ['who sails the ship', 'who sails the boat', 'who sails the ship', 'who sails the ship']
    expect((await outcomesOf(questions, undefined, 2)).map(reasonOf)).toEqual(['pair', 'duplicate', 'duplicate', 'duplicate'])
    expect((await outcomesOf(questions, { threshold: 0.7, within: 'document' }, 2)).map(reasonOf)).toEqual([
      'pair',
      'duplicate',
      'pair',
      'duplicate',
    ])
    expect((await outcomesOf(questions, { threshold: 1, within: 'all' }, 2)).map(reasonOf)).toEqual(['pair', 'pair', 'pair', 'pair'])
    const [, duplicate] = await outcomesOf(questions, undefined)
    expect(duplicate).toMatchObject({ detail: '"who sails the boat" is close to the earlier "who sails the ship"' })
  })
})

describe('chunks', () => {
  const sentences = [
    'Mr. Root of the U.S. Senate spoke at 5 p.m. on No. 5 of the list.',
    'Was it so?',
    '“It was!” he cried.',
    'J. B. Smith, Jr. agreed.',
    'So it ended.',
  ]
  const sentence = fc.constantFrom(...sentences)
  const separator = fc.constantFrom(' ', '  ', '\n\n', '\n')
  const text = fc.array(fc.tuple(sentence, separator), { minLength: 1, maxLength: 40 }).map((parts) => parts.flat().join(''))
  const size = fc.tuple(fc.integer({ min: 70, max: 400 }), fc.nat(200)).map(([min, more]) => ({ min, max: min + more }))

  const chunksOf = async (document: string, chunkCharacters: SelfInstructOptions['chunkCharacters'] & object, seed: number) => {
    let index = 0
    const complete: Complete = async () => reply(wordsOf(index++, 5), 'x')
    const outcomes = await collect(
      selfInstruct({ documents: [{ id: 'd', text: document }], complete, critique: false, seed, chunkCharacters, pairsPerDocument: 10 }),
    )
    return outcomes.flatMap((outcome) => (outcome.kind === 'pair' ? outcome.chunks : []))
  }

  it('are whole sentences, no longer than asked for, without white space around', () =>
    fc.assert(
      fc.asyncProperty(text, size, fc.nat(), async (document, chunkCharacters, seed) => {
        const chunks = await chunksOf(document, chunkCharacters, seed)
        expect(chunks).toHaveLength(10)
        for (const { start, end } of chunks) {
          const chunk = document.slice(start, end)
          expect(end - start).toBeLessThanOrEqual(chunkCharacters.max)
          expect(chunk).toBe(chunk.trim())
          expect(
            sentences.some((each) => chunk.startsWith(each)),
            chunk,
          ).toBe(true)
          expect(
            sentences.some((each) => chunk.endsWith(each)),
            chunk,
          ).toBe(true)
        }
        if (document.length <= chunkCharacters.min) expect(chunks[0]).toMatchObject({ start: 0, end: document.trimEnd().length })
      }),
      { numRuns: 60 },
    ))

  it('reach every part of the document, first and last sentence included', async () => {
    const document = Array.from({ length: 30 }, (_, i) => `S${i} is sentence number ${i} of thirty.`).join(' ')
    const covered = new Set<number>()
    for (let seed = 0; seed < 30; seed++)
      for (const { start, end } of await chunksOf(document, { min: 150, max: 150 }, seed))
        for (const [, i] of document.slice(start, end).matchAll(/S(\d+)/g)) covered.add(Number(i))
    expect(covered.size).toBe(30)
  })

  it.each([
    ['words without a stop', 'word '.repeat(500), /^word( word)*$/],
    ['nothing but letters', 'x'.repeat(2000), /^x{50,100}$/],
    ['surrogate pairs', '🐋'.repeat(2000), /^🐋{20,50}$/u],
    ['Chinese', '鯨魚游過大海。'.repeat(200), /^(鯨魚游過大海。)+$/],
  ])('cut %s where it does least harm', async (_, document, pattern) => {
    for (const { start, end } of await chunksOf(document, { min: 51, max: 100 }, 1)) {
      expect(document.slice(start, end)).toMatch(pattern)
      expect(end - start).toBeLessThanOrEqual(100)
    }
  })
})

describe('what goes wrong', () => {
  const failing =
    (fails: (call: number) => boolean): Complete =>
    async (messages) => {
      if (!isCritique(messages)) call++
      if (fails(call)) throw new Error(`call ${call} failed.`)
      return isCritique(messages) ? '<verdict>yes</verdict>' : reply(wordsOf(call, 5), 'x')
    }
  let call = 0

  it('single failures become rejections', async () => {
    call = 0
    const complete = failing((n) => n % 5 !== 0)
    const outcomes = await collect(selfInstruct({ documents: documentsOf(20), complete, concurrency: 1 }))
    expect(outcomes.map(reasonOf)).toEqual(Array.from({ length: 20 }, (_, i) => (i % 5 === 4 ? 'pair' : 'endpoint-error')))
    expect(outcomes[0]).toMatchObject({ detail: 'call 1 failed.' })
  })

  it('only failures in a row count: a reply that is no pair ends the row, a document without text does not', async () => {
    call = 0
    const documents = [...documentsOf(2), { id: 'empty', text: '' }, ...documentsOf(9).slice(2)]
    const complete: Complete = async () => {
      if (++call === 2) return 'Hm.'
      throw new Error('down.')
    }
    const { outcomes, error } = await collectUntilError(
      selfInstruct({ documents, complete, concurrency: 1, retries: 0, maxConsecutiveErrors: 2 }),
    )
    expect(outcomes.map(reasonOf)).toEqual(['endpoint-error', 'unparsable', 'no-text', 'endpoint-error', 'endpoint-error'])
    expect(String(error)).toContain("the last for document 'd3': down.")
    const between = await collectUntilError(
      selfInstruct({ documents: documents.slice(1), complete, concurrency: 1, maxConsecutiveErrors: 2 }),
    )
    expect(between.outcomes.map(reasonOf)).toEqual(['endpoint-error', 'no-text', 'endpoint-error'])
  })

  it.each([1, 3])('failures in a row end the run with all outcomes before them (concurrency %i)', async (concurrency) => {
    call = 0
    const complete = failing((n) => n > 4)
    const { outcomes, error } = await collectUntilError(
      selfInstruct({ documents: documentsOf(50), complete, concurrency, maxConsecutiveErrors: 3 }),
    )
    expect(outcomes.map(reasonOf)).toEqual(['pair', 'pair', 'pair', 'pair', 'endpoint-error', 'endpoint-error', 'endpoint-error'])
    expect(String(error)).toMatch(
      /^Error: selfInstruct: 3 calls of complete failed in a row, the last for document 'd6': call \d+ failed\. What was yielded before is good\. Put the endpoint right/,
    )
  })

  it('a complete that returns no text is a failure', async () => {
    const complete = (async () => undefined) as unknown as Complete
    const [outcome] = await collect(selfInstruct({ documents: documentsOf(1), complete }))
    expect(outcome).toMatchObject({ reason: 'endpoint-error', detail: 'complete returned undefined; it must return a promise of a text.' })
  })

  it('an abort is thrown at once, though complete and documents ignore it, and ends calls under way', async () => {
    const abort = new AbortController()
    const signals: AbortSignal[] = []
    const complete: Complete = (_, options) => {
      signals.push(options!.signal!)
      if (signals.length === 2) setTimeout(() => abort.abort(new Error('enough')))
      return new Promise(() => {})
    }
    async function* documents() {
      yield* documentsOf(2)
      await new Promise(() => {})
    }
    const { outcomes, error } = await collectUntilError(selfInstruct({ documents: documents(), complete, signal: abort.signal }))
    expect([outcomes, String(error), signals.map(({ aborted }) => aborted)]).toEqual([[], 'Error: enough', [true, true]])
    const again = await collectUntilError(selfInstruct({ documents: documentsOf(1), complete, signal: abort.signal }))
    expect([String(again.error), signals.length]).toEqual(['Error: enough', 2])
  })

  it('a break ends calls under way and closes the documents', async () => {
    const signals: AbortSignal[] = []
    let closed = false
    const complete: Complete = (messages, options) => {
      signals.push(options!.signal!)
      return messages[0]!.content.includes('w0x0') ? Promise.resolve('') : new Promise(() => {})
    }
    async function* documents() {
      try {
        yield* documentsOf(9)
      } finally {
        closed = true
      }
    }
    for await (const outcome of selfInstruct({ documents: documents(), complete, concurrency: 3, retries: 0 })) {
      expect(outcome.documentId).toBe('d0')
      break
    }
    expect([closed, ...signals.map(({ aborted }) => aborted)]).toEqual([true, false, true, true]) // the first had ended
  })

  it.each([
    [
      'documents that throw',
      () => {
        throw new Error('disk gone')
      },
      'Error: disk gone',
    ],
    ['an id seen before', () => documentsOf(1)[0], "RangeError: selfInstruct: two documents have the id 'd0'; give each its own"],
    [
      'a document without text',
      () => ({ id: 'x' }),
      'TypeError: selfInstruct: document 2 has an id of type string and a text of type undefined; both must be strings.',
    ],
    ['no document', () => null, 'TypeError: selfInstruct: document 2 has an id of type undefined'],
  ])('%s: the outcomes before are delivered first', async (_, third, message) => {
    async function* documents() {
      yield* documentsOf(2)
      yield third() as { id: string; text: string }
    }
    const { outcomes, error } = await collectUntilError(
      selfInstruct({ documents: documents(), complete: scripted(() => 2), concurrency: 8 }),
    )
    expect([outcomes.map(({ documentId }) => documentId), String(error).slice(0, message.length)]).toEqual([['d0', 'd1'], message])
  })

  it.each<[object, string]>([
    [{ documents: 5 }, 'documents is no iterable; pass an array or a (called) generator of { id, text }.'],
    [{ documents: 'text' }, 'documents is no iterable'],
    [{ complete: undefined }, 'complete is undefined; it must be a function (messages, options) → Promise of a text.'],
    [{ kinds: [] }, 'kinds is []; name one or more of normal, short, summary, multi-chunk, once each.'],
    [{ kinds: ['short', 'short'] }, 'kinds is ["short","short"]'],
    [{ kinds: ['long'] }, 'kinds is ["long"]'],
    [{ chunkCharacters: 0 }, 'chunkCharacters (min) is 0; it must be a whole number ≥ 1.'],
    [{ chunkCharacters: { min: 9, max: 8 } }, 'chunkCharacters (max) is 8; it must be a whole number ≥ 9.'],
    [{ pairsPerDocument: 1.5 }, 'pairsPerDocument is 1.5; it must be a whole number ≥ 1.'],
    [{ concurrency: 0 }, 'concurrency is 0'],
    [{ retries: -1 }, 'retries is -1; it must be a whole number ≥ 0.'],
    [{ maxConsecutiveErrors: Number.NaN }, 'maxConsecutiveErrors is NaN'],
    [{ maxAnswerWords: { normal: 0, short: 1 } }, 'maxAnswerWords.normal is 0'],
    [{ seed: 0.5 }, 'seed is 0.5; it must be a whole number.'],
    [{ duplicates: { threshold: 70, within: 'all' } }, 'duplicates.threshold is 70; it must lie in [0, 1].'],
    [{ duplicates: { threshold: 0.7, within: 'none' } }, "duplicates.within is 'none'; choose 'document' or 'all'."],
  ])('refuses %j before anything is done', (options, message) => {
    expect(() => selfInstruct({ documents: [], complete: scripted(), ...options })).toThrow(`selfInstruct: ${message}`)
  })
})
