import { randomUUID } from 'node:crypto'
import type { TextPart } from '../chat/complete.ts'
import type { TextTokenizer } from '../chat/tokenizer.ts'
import type { GeneratedToken } from '../generate/options.ts'
import type { Job } from './read-request.ts'

/** How an answer looks in the OpenAI API, whole and in pieces. */
export interface Shape {
  /** The whole answer. */
  whole(parts: readonly TextPart[]): object
  /** What comes first of a stream. */
  first(): readonly object[]
  /** What comes with a part of the answer. */
  piece(part: TextPart): readonly object[]
  /** What comes last, after `tokens` tokens. */
  last(tokens: number): readonly object[]
}

export function shapeOf(job: Job, modelName: string, tokenizer: TextTokenizer): Shape {
  const isChat = job.kind === 'chat'
  const head = (object: string) => ({
    id: `${isChat ? 'chatcmpl' : 'cmpl'}-${randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: modelName,
  })
  const streamed = head(isChat ? 'chat.completion.chunk' : 'text_completion')
  const logprobs = (tokens: readonly GeneratedToken[]) =>
    job.logprobs === undefined ? null : isChat ? chatLogprobs(tokens, tokenizer) : completionLogprobs(tokens, tokenizer)
  const chunk = (content: object, tokens: readonly GeneratedToken[], finishReason: string | null) => ({
    ...streamed,
    choices: [{ index: 0, ...content, logprobs: logprobs(tokens), finish_reason: finishReason }],
  })
  const contentOf = (text: string) => (isChat ? { delta: { content: text } } : { text })
  const usage = (tokens: number) => ({
    prompt_tokens: job.tokens.length,
    completion_tokens: tokens,
    total_tokens: job.tokens.length + tokens,
  })
  return {
    whole(parts) {
      const text = parts.map((part) => part.text).join('')
      const tokens = parts.flatMap(({ token }) => token ?? [])
      const content = isChat ? { message: { role: 'assistant', content: text, refusal: null } } : { text }
      const choice = { index: 0, ...content, logprobs: logprobs(tokens), finish_reason: parts.at(-1)!.finishReason }
      return { ...head(isChat ? 'chat.completion' : 'text_completion'), choices: [choice], usage: usage(tokens.length) }
    },
    first: () => (isChat ? [chunk({ delta: { role: 'assistant', content: '' } }, [], null)] : []),
    piece({ text, token, finishReason }) {
      const own = text !== '' || (token && job.logprobs !== undefined) ? [chunk(contentOf(text), token ? [token] : [], null)] : []
      return finishReason ? [...own, chunk(isChat ? { delta: {} } : { text: '' }, [], finishReason)] : own
    },
    last: (tokens) => (job.includeUsage ? [{ ...streamed, choices: [], usage: usage(tokens) }] : []),
  }
}

const textOf = (token: number, tokenizer: TextTokenizer) => tokenizer.decode([token]) || tokenizer.spell(token)

function chatLogprobs(tokens: readonly GeneratedToken[], tokenizer: TextTokenizer): object {
  const one = (token: number, logprob: number) => {
    const text = textOf(token, tokenizer)
    return { token: text, logprob: finite(logprob), bytes: [...new TextEncoder().encode(text)] }
  }
  return {
    content: tokens.map(({ token, logProbability, top }) => ({
      ...one(token, logProbability),
      top_logprobs: top.map((own) => one(own.token, own.logProbability)),
    })),
    refusal: null,
  }
}

function completionLogprobs(tokens: readonly GeneratedToken[], tokenizer: TextTokenizer): object {
  const texts = tokens.map(({ token }) => textOf(token, tokenizer))
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logProbability }) => finite(logProbability)),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logProbability }) => [textOf(token, tokenizer), finite(logProbability)])),
    ),
    text_offset: texts.map((_, i) => texts.slice(0, i).join('').length),
  }
}

/** JSON has no infinities. */
const finite = (logProbability: number) => Math.max(logProbability, -9999)
