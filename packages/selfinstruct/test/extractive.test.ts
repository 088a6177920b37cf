import { readFileSync } from 'node:fs'
import {
  critiquePrompt,
  extractiveComplete,
  generationPrompt,
  type Pair,
  type PromptKind,
  parsePair,
  parseVerdict,
  selfInstruct,
} from 'selfinstruct'
import { describe, expect, it } from 'vitest'
import { collect } from './support.ts'

const documents = ['address-1898', 'moby-dick-14'].map((id) => ({
  id,
  text: readFileSync(new URL(`./texts/${id}.txt`, import.meta.url), 'utf8'), // McKinley's second annual message (part), Moby-Dick chapter 14
}))

/** What it asks about a passage over many seeds, as "question → answer". */
async function questionsAbout(chunk: string, kind: PromptKind): Promise<Set<string>> {
  const complete = extractiveComplete()
  const replies = await Promise.all(
    Array.from({ length: 400 }, (_, seed) => complete([{ role: 'user', content: generationPrompt({ kind, chunks: [chunk] }) }], { seed })),
  )
  return new Set(
    replies.map((reply) => {
      const parsed = parsePair(reply)
      return 'reason' in parsed ? parsed.reason : `${parsed.question} → ${parsed.answer}`
    }),
  )
}

describe('extractiveComplete asks', () => {
  it.each<[PromptKind, string, string[]]>([
    [
      'short',
      'The award has recognized a number of important principles.',
      [
        'According to the text, what has recognized a number of important principles? → The award',
        'Which word fills the gap in this passage: "The ____ has recognized a number of important principles."? → award',
        'Which word fills the gap in this passage: "The award has ____ a number of important principles."? → recognized',
        'Which word fills the gap in this passage: "The award has recognized a ____ of important principles."? → number',
        'Which word fills the gap in this passage: "The award has recognized a number of ____ principles."? → important',
        'Which word fills the gap in this passage: "The award has recognized a number of important ____."? → principles',
      ],
    ],
    [
      'short',
      'The Secretary of the Treasury will lay all papers of importance before you.',
      [
        'According to the text, who will lay all papers of importance before you? → The Secretary of the Treasury',
        'Which name fills the gap in this passage: "The ____ will lay all papers of importance before you."? → Secretary of the Treasury',
        'Which word fills the gap in this passage: "The Secretary of the Treasury will lay all ____ of importance before you."? → papers',
        'Which word fills the gap in this passage: "The Secretary of the Treasury will lay all papers of ____ before you."? → importance',
      ],
    ],
    [
      'short',
      'Two iron torpedo ships have been completed near Boston in summer.',
      [
        'According to the text, how many iron torpedo ships have been completed near Boston in summer? → Two',
        'Which name fills the gap in this passage: "Two iron torpedo ships have been completed near ____ in summer."? → Boston',
        'Which word fills the gap in this passage: "Two iron torpedo ____ have been completed near Boston in summer."? → ships',
        'Which word fills the gap in this passage: "Two iron torpedo ships have been completed near Boston in ____."? → summer',
        'Which word fills the gap in this passage: "Two iron ____ ships have been completed near Boston in summer."? → torpedo',
        'Which word fills the gap in this passage: "Two iron torpedo ships have been ____ near Boston in summer."? → completed',
      ],
    ],
    [
      'short',
      'The board was at last convened near Paris on October 4, 1888.',
      [
        'According to the text, when was the board at last convened near Paris? → October 4, 1888',
        'According to the text, what was at last convened near Paris on October 4, 1888? → The board',
        'Which date fills the gap in this passage: "The board was at last convened near Paris on ____."? → October 4, 1888',
        'Which name fills the gap in this passage: "The board was at last convened near ____ on October 4, 1888."? → Paris',
        'Which word fills the gap in this passage: "The ____ was at last convened near Paris on October 4, 1888."? → board',
        'Which word fills the gap in this passage: "The board was at last ____ near Paris on October 4, 1888."? → convened',
      ],
    ],
    [
      'short',
      'He paid $1,250 to 14 men of the ship in 1851, did he not?',
      [
        'Which sum of money fills the gap in this passage: "He paid ____ to 14 men of the ship in 1851, did he not?"? → $1,250',
        'Which number fills the gap in this passage: "He paid $1,250 to ____ men of the ship in 1851, did he not?"? → 14',
        'Which year fills the gap in this passage: "He paid $1,250 to 14 men of the ship in ____, did he not?"? → 1851',
      ],
    ],
    [
      'normal',
      'The demand has become insistent in the West because it must use the water.',
      ['According to the text, why has the demand become insistent in the West? → because it must use the water'],
    ],
    [
      'normal',
      'Mr. Root argued the case of the Orinoco Company before the Court at The Hague.',
      [
        'What is said about the Orinoco Company, the Court and The Hague? → Mr. Root argued the case of the Orinoco Company before the Court at The Hague.',
      ],
    ],
    [
      'normal',
      'He went aboard the little ship at noon. They all sailed together at dawn.',
      ['Which sentence follows the words "He went aboard the little ship at noon."? → They all sailed together at dawn.'],
    ],
    [
      'normal',
      'I have the pleasure to inform you that the revenue of the past year, of which mention was made, exceeds what was hoped.',
      [
        'What follows the words "I have the pleasure to inform you that the revenue of the past year,"? → of which mention was made, exceeds what was hoped.',
      ],
    ],
    [
      'short',
      'The will of the people has prevailed over three parties.', // "will" is no verb here
      [
        'Which number fills the gap in this passage: "The will of the people has prevailed over ____ parties."? → three',
        'Which word fills the gap in this passage: "The will of the ____ has prevailed over three parties."? → people',
        'Which word fills the gap in this passage: "The will of the people has ____ over three parties."? → prevailed',
        'Which word fills the gap in this passage: "The will of the people has prevailed over three ____."? → parties',
      ],
    ],
    [
      'short',
      `It was so, ${'and so, '.repeat(30)}till in 1851 it was not so, ${'and not so, '.repeat(30)}and no more.`,
      [
        'Which year fills the gap in this passage: "… so, and so, and so, and so, and so, and so, and so, till in ____ it was not so, and not so, and not so, and not so, …"? → 1851',
      ],
    ],
    ['short', '“Aye, aye!” he cried.', ['unparsable']],
    ['short', '鯨魚游過大海。', ['unparsable']],
  ])('(%s) about %j', async (kind, chunk, expected) => {
    expect([...(await questionsAbout(chunk, kind))].sort()).toEqual([...expected].sort())
  })

  it('with the characters of XML in the text', async () => {
    const [found] = await questionsAbout(
      'I have the pleasure to inform you that the firm of Smith & Co, of which mention was made, sells at 5 & up.',
      'normal',
    )
    expect(found).toMatch(/→ of which mention was made, sells at 5 & up\.$/)
  })
})

describe('extractiveComplete judges', () => {
  const chunk =
    'The board was convened at Paris on October 4, 1888. The members of the board were twelve men of law.\nThe end\ncame “late”. Twelve men of law slept.'
  const verdict = (question: string, answer: string) =>
    extractiveComplete()([{ role: 'user', content: critiquePrompt({ chunks: [chunk], question, answer }) }]).then((reply) => [
      parseVerdict(reply),
      reply.split(' <')[0],
    ])

  it.each([
    ['When was the board convened at Paris?', 'October 4, 1888', 'yes', 'The answer stands in the sentence that the question asks about.'],
    ['When was the board convened?', 'october 4, 1888', 'yes', 'The answer stands in the sentence that the question asks about.'],
    ['How many men of law were members of the board?', 'twelve', 'yes', 'The answer stands in the sentence that the question asks about.'],
    ['What came?', 'The end came "late".', 'yes', 'The answer stands in the sentence that the question asks about.'],
    ['Which date fills the gap in this passage: "… convened at Paris on ____."?', 'October 4, 1888', 'yes', 'The answer fills the gap.'],
    ['What follows the words "The board was convened"?', 'at Paris', 'yes', 'The answer goes on where the quotation ends.'],
    ['When was the board convened at Paris?', 'October 5, 1888', 'no', 'The answer does not occur in the passage.'],
    ['When was the board convened at Paris?', 'October 4, 188', 'no', 'The answer does not occur in the passage.'],
    ['When was the board convened?', 'Paris', 'no', 'The question asks for a time, the answer names none.'],
    ['How many men were convened at Paris by the board?', 'October', 'no', 'No sentence of the passage is about what the question asks.'],
    ['How many members has the board?', 'men of law', 'no', 'The question asks for a number, the answer names none.'],
    ['Who were the members?', 'Paris', 'no', 'The answer stands in another sentence than what the question asks about.'],
    ['Who were men of law?', 'Twelve', 'no', 'More than one sentence of the passage fits the question.'],
    ['Where was the board of Paris?', 'Paris', 'no', 'The question gives its answer away.'],
    ['Who is it?', 'men', 'no', 'The question names nothing that could be looked for.'],
    ['When was it convened?', '1888', 'no', "The question does not say what 'it' is."],
    ['Who slept?', 'of', 'no', 'The answer says nothing by itself.'],
    ['Which date fills the gap in this passage: "… convened at Paris on ____."?', 'October 4', 'no', 'The answer does not fill the gap.'],
    ['Which word fills the gap in this passage: "… men of ____ …"?', 'law', 'no', 'The passage to be filled occurs more than once.'],
    ['What follows the words "men of law"?', 'slept.', 'no', 'The quoted words occur more than once.'],
    ['What follows the words "The board was convened"?', 'October', 'no', 'The answer does not follow the quotation.'],
  ])('%j, %j: %s', async (question, answer, expected, reason) => {
    expect(await verdict(question, answer)).toEqual([expected, reason])
  })

  it('rejects any other prompt', async () => {
    await expect(extractiveComplete()([{ role: 'user', content: 'What is a whale?' }])).rejects.toThrow(
      "extractiveComplete: it understands the prompts of selfInstruct only, not 'What is a whale?'. Ask a chat model instead.",
    )
    await expect(extractiveComplete()([])).rejects.toThrow('extractiveComplete')
  })
})

describe('on real prose', () => {
  const run = (seed: number) =>
    collect(
      selfInstruct({
        documents,
        complete: extractiveComplete({ seed }),
        pairsPerDocument: 60,
        chunkCharacters: { min: 500, max: 900 },
        seed,
      }),
    )
  const pairsOf = async (seed: number) => (await run(seed)).flatMap((outcome) => (outcome.kind === 'pair' ? [outcome] : []))
  const textOf = ({ documentId, chunks: [chunk] }: Pair) =>
    documents
      .find(({ id }) => id === documentId)!
      .text.slice(chunk!.start, chunk!.end)
      .replace(/\s+/g, ' ')

  it('answers are spans of the chunk that fill the gap or go on where the question stops', async () => {
    const pairs = await pairsOf(1)
    expect(pairs.length).toBeGreaterThan(60)
    const forms = new Set<string>()
    for (const pair of pairs) {
      const { question, answer } = pair
      const text = textOf(pair)
      expect(text).toContain(answer)
      const [, quoted] = question.match(/"(?:… )?(.*?)(?: …)?"\?$/) ?? []
      forms.add(question.split(' ').slice(0, 3).join(' '))
      if (quoted?.includes('____')) expect(text.split(quoted.replace('____', () => answer))).toHaveLength(2)
      else if (quoted !== undefined) expect(text.split(`${quoted} ${answer}`)).toHaveLength(2)
      expect(question.toLowerCase()).not.toContain(` ${answer.toLowerCase()} `)
      if (pair.promptKind === 'short') expect(answer.split(' ').length).toBeLessThanOrEqual(8)
    }
    expect(forms.size).toBeGreaterThan(5)
  })

  it('is deterministic for its seed, and another seed asks other questions', async () => {
    const [first, again, other] = [await run(1), await run(1), await run(2)]
    expect(again).toEqual(first)
    const asked = new Set(first.map((outcome) => outcome.kind === 'pair' && outcome.question))
    expect(other.filter((outcome) => outcome.kind === 'pair' && asked.has(outcome.question)).length).toBeLessThan(first.length / 3)
  })

  it('the judge approves of no answer that belongs to another question', async () => {
    const pairs = await pairsOf(1)
    const complete = extractiveComplete()
    for (const [i, { question }] of pairs.entries()) {
      const other = pairs[(i + 7) % pairs.length]!
      if (other.answer === pairs[i]!.answer) continue
      const reply = await complete([
        { role: 'user', content: critiquePrompt({ chunks: [textOf(pairs[i]!)], question, answer: other.answer }) },
      ])
      expect(parseVerdict(reply), `${question} → ${other.answer}`).toBe('no')
    }
  })
})
