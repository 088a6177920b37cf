import fc from 'fast-check'
import { parsePair, parseVerdict } from 'selfinstruct'
import { describe, expect, it } from 'vitest'

const pair = { question: 'Who sailed?', answer: 'Ahab' }

describe('parsePair', () => {
  it.each([
    ['plain tags', '<question>Who sailed?</question><answer>Ahab</answer>'],
    ['prose around, line breaks inside', 'Sure!\n<question>\n  Who sailed?\n</question>\nand\n<answer>\nAhab\n</answer>\nHope this helps.'],
    ['a code fence around', '```xml\n<question>Who sailed?</question>\n<answer>Ahab</answer>\n```'],
    ['code fences inside', '<question>```\nWho sailed?\n```</question><answer>```text\nAhab```</answer>'],
    ['capitals and attributes', '<Question id="1">Who sailed?</QUESTION>\n< answer lang="en">Ahab</ answer>'],
    ['the last closing tag missing', '<question>Who sailed?</question>\n<answer>Ahab'],
    ['the last closing tag missing, in a fence', '```\n<question>Who sailed?</question>\n<answer>Ahab\n```'],
    ['every closing tag missing', '<question>Who sailed?\n<answer>Ahab'],
    ['tags inside themselves', '<question><question>Who sailed?</question></question><answer><answer>Ahab</answer></answer>'],
    ['closing tags twice', '<question>Who sailed?</question></question><answer>Ahab</answer></answer>'],
    ['a wrapper', '<qa><question>Who sailed?</question><answer>Ahab</answer></qa>'],
    ['several pairs', '<question>Who sailed?</question><answer>Ahab</answer><question>Who sank?</question><answer>All</answer>'],
    ['an empty pair first', '<question></question><answer></answer><question>Who sailed?</question><answer>Ahab</answer>'],
    ['a question without answer first', '<question>Who sank?</question><question>Who sailed?</question><answer>Ahab</answer>'],
    [
      'the instruction repeated',
      'I use <question> and </question>, <answer> and </answer>: <question>Who sailed?</question><answer>Ahab</answer>',
    ],
    ['escaped tags', '&lt;question&gt;Who sailed?&lt;/question&gt;&lt;answer&gt;Ahab&lt;/answer&gt;'],
    [
      'thinking aloud',
      '<think>Maybe <question>X?</question><answer>Y</answer></think><question>Who sailed?</question><answer>Ahab</answer>',
    ],
    [
      'thinking that began before the reply',
      'Perhaps <question>X?</question></think><question>Who sailed?</question><answer>Ahab</answer>',
    ],
  ])('reads %s', (_, reply) => {
    expect(parsePair(reply)).toEqual(pair)
  })

  it('decodes entities once, and leaves alone what is none', () => {
    const reply =
      '<question>Is 1 &lt; 2 &amp;amp; R&D &#x201C;so&#8221;?</question><answer>&quot;Yes&quot;, &#39;yes&apos; &#xD800; &#9999999; &copy;</answer>'
    expect(parsePair(reply)).toEqual({ question: 'Is 1 < 2 &amp; R&D “so”?', answer: `"Yes", 'yes' &#xD800; &#9999999; &copy;` })
  })

  it.each([
    ['', 'unparsable', 'no <question> and no <answer> in ""'],
    ['Ahab sailed.', 'unparsable', 'no <question> and no <answer> in "Ahab sailed."'],
    ['<question>Who sailed?</question>', 'unparsable', 'no <answer> in "<question>Who sailed?</question>"'],
    ['<answer>Ahab</answer>', 'unparsable', 'no <question> in "<answer>Ahab</answer>"'],
    ['<question>Who?</question><answer> … </answer>', 'empty', 'no question followed by an answer inside the tags of '],
    ['<question>?</question><answer>Ahab</answer>', 'empty', 'no question followed by'],
    ['<answer>Ahab</answer><question>Who sailed?</question>', 'empty', 'no question followed by'],
    ['<think><question>Who sailed?</question><answer>Ahab</answer>', 'unparsable', 'no <question> and no <answer>'],
  ])('says why %j holds none', (reply, reason, detail) => {
    expect(parsePair(reply)).toEqual({ reason, detail: expect.stringContaining(detail) })
  })

  const piece = fc.oneof(
    fc.constantFrom(
      '<question>',
      '</question>',
      '<answer>',
      '</answer>',
      '< answer',
      '<think>',
      '</think>',
      '```',
      '&lt;question&gt;',
      '&#x110000;',
      '\n',
    ),
    fc.string({ unit: 'binary' }),
  )
  const anything = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))

  it('never throws, and a pair it returns has words in both parts', () => {
    fc.assert(
      fc.property(anything, (reply) => {
        const parsed = parsePair(reply)
        if ('reason' in parsed) expect(['unparsable', 'empty']).toContain(parsed.reason)
        else for (const text of [parsed.question, parsed.answer]) expect(text).toMatch(/[\p{L}\p{N}]/u)
        expect(['yes', 'no', undefined]).toContain(parseVerdict(reply))
      }),
      { numRuns: 500 },
    )
  })

  it('is linear in the length of a hostile reply', () => {
    const long = 300_000 // quadratic time would be minutes
    for (const part of ['<question>', '<', '< ', '&lt;', '<think>', '```\n', '\n', '<question '])
      expect(parsePair(part.repeat(long / part.length))).toHaveProperty('reason')
  })
})

describe('parseVerdict', () => {
  it.each([
    ['<verdict>yes</verdict>', 'yes'],
    ['The answer is right. <Verdict> Yes. </Verdict>', 'yes'],
    ['<verdict>no', 'no'],
    ['I would answer <verdict>yes|no</verdict>: <verdict>no</verdict>', 'no'],
    ['<verdict>yes</verdict> Wait. <verdict>no</verdict>', 'no'],
    ['<think><verdict>no</verdict></think><verdict>yes</verdict>', 'yes'],
    ['Yes, the passage says so.', 'yes'],
    ['**No**: it is another ship.', 'no'],
    ['Nothing in the passage says so.', undefined],
    ['Is it right? yes', undefined],
    ['<verdict>perhaps</verdict>', undefined],
    ['', undefined],
  ])('of %j is %j', (reply, verdict) => {
    expect(parseVerdict(reply)).toBe(verdict)
  })
})
