// The prompts for pairs with worked examples before them, in turns: a small model takes from these what it does not take from instructions.
import { critiquePrompt, generationPrompt, type Prompts } from 'selfinstruct'

const passage =
  'In the spring of 1821 the harbour of Ostwick silted up, and nothing larger than a skiff could enter it. Anders Holm, who had kept ' +
  'the lighthouse for thirty years, sold his boat to a tanner from the hills and walked to the capital, where he asked the Admiralty for ' +
  'a dredger. He was told to come back in the autumn. He did, every autumn, for eleven years.'
const other =
  'The treaty was signed on the third of March. It gave the fishing grounds north of the cape to the islanders, and the coal of the valley ' +
  'to the company, which had to pay for the schools. Governor Maria Lund refused to be present: the miners, she said, had not been asked.'

const pairs = {
  normal: [
    {
      chunk: passage,
      question: 'Why did Anders Holm sell his boat?',
      answer: 'The harbour had silted up, and nothing larger than a skiff could enter it.',
    },
    { chunk: other, question: 'Why was Governor Lund absent when the treaty was signed?', answer: 'The miners had not been asked.' },
  ],
  short: [
    { chunk: passage, question: 'For how many years had Anders Holm kept the lighthouse?', answer: 'thirty years' },
    { chunk: other, question: 'Who refused to be present when the treaty was signed?', answer: 'Governor Maria Lund' },
  ],
}
const judged = [
  { ...pairs.short[0]!, reason: 'The text says that he had kept it for thirty years.', verdict: 'yes' },
  { ...pairs.normal[1]!, answer: 'She was ill.', reason: 'The text says that the miners had not been asked.', verdict: 'no' },
]

const user = (content: string) => ({ role: 'user', content }) as const
const assistant = (reply: object) => ({ role: 'assistant', content: JSON.stringify(reply) }) as const

/** For replies in JSON about one chunk. */
export const promptsWithExamples: Partial<Prompts> = {
  generation: (options) => [
    ...pairs[options.kind === 'short' ? 'short' : 'normal'].flatMap(({ chunk, question, answer }) => [
      user(generationPrompt({ ...options, chunks: [chunk] })),
      assistant({ question, answer }),
    ]),
    user(generationPrompt(options)),
  ],
  critique: (options) => [
    ...judged.flatMap(({ chunk, question, answer, reason, verdict }) => [
      user(critiquePrompt({ ...options, chunks: [chunk], question, answer })),
      assistant({ reason, verdict }),
    ]),
    user(critiquePrompt(options)),
  ],
}
