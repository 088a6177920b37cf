import type { ReplySchema } from '../types.ts'

const object = (properties: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})
const pair = object({ question: { type: 'string' }, answer: { type: 'string' } })

/** What the JSON prompts ask for, as servers take it. */
export const pairSchema = (questions: number): ReplySchema => ({
  name: questions > 1 ? 'pairs' : 'pair',
  schema: questions > 1 ? object({ pairs: { type: 'array', items: pair, minItems: questions, maxItems: questions } }) : pair,
})

export const verdictSchema: ReplySchema = {
  name: 'verdict',
  schema: object({ reason: { type: 'string' }, verdict: { type: 'string', enum: ['yes', 'no'] } }),
}
