import type { CompleteOptions, TextModel } from '../chat/complete.ts'
import type { Message } from '../chat/tokenizer.ts'
import { failure } from './failure.ts'
import { type Fields, fieldsOf } from './fields.ts'

/** One request for text, checked. */
export interface Job {
  readonly kind: 'chat' | 'completion'
  readonly tokens: readonly number[]
  readonly options: CompleteOptions
  readonly stream: boolean
  readonly includeUsage: boolean
  /** How many of the likeliest tokens are reported with each; undefined: no log-probabilities. */
  readonly logprobs: number | undefined
}

export interface Limits {
  /** The id of the only model. */
  readonly modelName: string
  /** Tokens of prompt and answer together. */
  readonly maxLength: number
}

type Body = Readonly<Record<string, unknown>>

const neutral = { n: [1], best_of: [1], presence_penalty: [0], frequency_penalty: [0], echo: [false], suffix: [''] }
const neutralChat = { tools: [[]], functions: [[]], response_format: [{ type: 'text' }], modalities: [['text']], audio: [] }

/** @throws Failure with status 400 or 404 that names the field, for what is no request or cannot be done */
export function readRequest(kind: Job['kind'], body: Body, model: TextModel, limits: Limits): Job {
  const fields = fieldsOf(body)
  const { modelName } = limits
  if (typeof body.model !== 'string') throw fields.refuse('model', `be '${modelName}'`)
  if (body.model !== modelName)
    throw failure(404, `The model '${body.model}' does not exist here; take '${modelName}'.`, { param: 'model', code: 'model_not_found' })
  fields.without(kind === 'chat' ? { ...neutral, ...neutralChat } : neutral)
  const tokens = kind === 'chat' ? chatTokens(fields, body.messages, model) : promptTokens(fields, body.prompt, model)
  const stream = fields.flag('stream')
  return {
    kind,
    tokens,
    stream,
    includeUsage: stream && fields.object('stream_options').include_usage === true,
    logprobs: kind === 'chat' ? chatLogprobs(fields) : fields.count('logprobs', 0, 20),
    options: optionsOf(kind, fields, body, tokens.length, limits, model.config.vocabSize),
  }
}

function chatTokens(fields: Fields, messages: unknown, { tokenizer }: TextModel): number[] {
  if (!Array.isArray(messages) || messages.length === 0) throw fields.refuse('messages', 'be a list of at least one message')
  try {
    return tokenizer.encodeChat(messages.map(messageOf))
  } catch (error) {
    if (error instanceof Error && 'status' in error) throw error
    // a template refuses a conversation it was not made for
    throw failure(400, `messages cannot be written in the model's chat template: ${String(error)}`, { param: 'messages' })
  }
}

function messageOf(message: unknown, i: number): Message {
  const { role, content } = (message ?? {}) as Body
  const param = `messages[${i}]`
  const known = role === 'developer' ? 'system' : role
  if (known !== 'system' && known !== 'user' && known !== 'assistant')
    throw failure(400, `${param}.role is ${JSON.stringify(role)}; it must be system, developer, user or assistant.`, { param })
  const parts = Array.isArray(content) ? content.map((part: Body) => (part?.type === 'text' ? part.text : undefined)) : [content]
  if (!parts.every((part) => typeof part === 'string'))
    throw failure(400, `${param}.content must be a text, or a list of parts of type text.`, { param })
  return { role: known, content: parts.join('') }
}

function promptTokens(fields: Fields, prompt: unknown, { tokenizer, config }: TextModel): number[] {
  const single: unknown = Array.isArray(prompt) && prompt.length === 1 && typeof prompt[0] !== 'number' ? prompt[0] : prompt
  const tokens = typeof single === 'string' ? tokenizer.encode(single) : single
  const isToken = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < config.vocabSize
  if (Array.isArray(tokens) && tokens.length > 0 && tokens.every(isToken)) return tokens as number[]
  throw fields.refuse('prompt', `be a text that is not empty, or a list of tokens from 0 to ${config.vocabSize - 1}; one prompt a request`)
}

function chatLogprobs(fields: Fields): number | undefined {
  const top = fields.count('top_logprobs', 0, 20)
  if (fields.flag('logprobs')) return top ?? 0
  if (top !== undefined && top > 0) throw fields.refuse('top_logprobs', 'come with logprobs: true')
  return undefined
}

function optionsOf(
  kind: Job['kind'],
  fields: Fields,
  body: Body,
  length: number,
  { maxLength }: Limits,
  vocabSize: number,
): CompleteOptions {
  const asked = fields.count('max_completion_tokens', 0) ?? fields.count('max_tokens', 0)
  const maxNewTokens = asked ?? (kind === 'chat' ? Math.max(1, maxLength - length) : 16)
  if (length + maxNewTokens > maxLength)
    throw failure(
      400,
      `The prompt has ${length} tokens and ${maxNewTokens} may come; together they must be at most ${maxLength}. Shorten it, or lower max_tokens.`,
      { param: kind === 'chat' ? 'messages' : 'prompt', code: 'context_length_exceeded' },
    )
  const topK = fields.count('top_k', 0)
  const top = kind === 'chat' ? fields.count('top_logprobs', 0, 20) : fields.count('logprobs', 0, 20)
  const topP = fields.number('top_p', 0, 1)
  return {
    maxNewTokens,
    temperature: fields.number('temperature', 0, 2) ?? 1,
    topP: topP === 0 ? Number.MIN_VALUE : topP, // the likeliest alone
    topK: topK === 0 ? undefined : topK,
    minP: fields.number('min_p', 0, 1),
    repetitionPenalty: fields.number('repetition_penalty', 0.01, 100),
    seed: fields.count('seed', 0) ?? Math.floor(Math.random() * 2 ** 32),
    logitBias: biasOf(fields, vocabSize),
    topLogProbabilities: top ?? 0,
    stop: stopOf(fields, body.stop ?? []),
  }
}

function biasOf(fields: Fields, vocabSize: number): Record<number, number> {
  const bias = fields.object('logit_bias')
  for (const [token, value] of Object.entries(bias)) {
    const isRight = /^\d+$/.test(token) && Number(token) < vocabSize && typeof value === 'number' && value >= -100 && value <= 100
    if (!isRight) throw fields.refuse('logit_bias', `map tokens from 0 to ${vocabSize - 1} to numbers from -100 to 100`)
  }
  return bias as Record<number, number>
}

function stopOf(fields: Fields, stop: unknown): string[] {
  const words: unknown[] = Array.isArray(stop) ? stop : [stop]
  if (words.length > 16 || !words.every((word) => typeof word === 'string' && word !== ''))
    throw fields.refuse('stop', 'be a text, or at most 16 texts, none of them empty')
  return words as string[]
}
