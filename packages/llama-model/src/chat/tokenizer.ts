import { Template } from '@huggingface/jinja'
import { Tokenizer } from '@huggingface/tokenizers'

/** One turn of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** Text to tokens and back. */
export interface TextTokenizer {
  /** Tokens of a text, with those that the model expects around it (`specialTokens`, default true) or without. */
  encode(text: string, options?: { readonly specialTokens?: boolean }): number[]
  /** Text of tokens; special tokens have none. Bytes that are no UTF-8, such as half a character at the end, become U+FFFD. */
  decode(tokens: readonly number[]): string
  /** The token itself, special or not, as the vocabulary spells it. */
  spell(token: number): string
  /** Tokens of a conversation by the model's chat template, up to where the assistant begins. @throws Error where the model has none */
  encodeChat(messages: readonly Message[]): number[]
  /** What a text or a turn ends with, by `tokenizer_config.json` and `generation_config.json`. */
  readonly endTokens: readonly number[]
}

/** Files of a tokenizer by name, as `loadPretrained` returns them. */
export type TokenizerFiles = Readonly<Record<string, string>>

/**
 * The tokenizer of a model from its `tokenizer.json` (by @huggingface/tokenizers) and, where there are such, `tokenizer_config.json`,
 * `chat_template.jinja` (by @huggingface/jinja) and `generation_config.json`.
 * @throws Error that names the file when one is missing or cannot be read
 */
export function makeTokenizer(files: TokenizerFiles): TextTokenizer {
  const settings = files['tokenizer_config.json'] === undefined ? {} : parse(files, 'tokenizer_config.json')
  const tokenizer = new Tokenizer(parse(files, 'tokenizer.json'), settings)
  const names = specialNames(settings)
  const { eos_token_id: ends = [] } = files['generation_config.json'] === undefined ? {} : parse(files, 'generation_config.json')
  const generated = [ends].flat().filter((token) => typeof token === 'number')
  let template: Template | undefined
  return {
    encode: (text, { specialTokens = true } = {}) => tokenizer.encode(text, { add_special_tokens: specialTokens }).ids,
    decode: (tokens) =>
      tokens.length === 0 ? '' : tokenizer.decode([...tokens], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    spell: (token) => tokenizer.id_to_token(token) ?? '',
    encodeChat(messages) {
      template ??= new Template(chatTemplate(files, settings))
      const text = template.render({ ...names, messages, add_generation_prompt: true })
      return tokenizer.encode(text, { add_special_tokens: false }).ids
    },
    endTokens: [...new Set([names.eos_token === undefined ? [] : (tokenizer.token_to_id(names.eos_token) ?? []), generated].flat())],
  }
}

function parse(files: TokenizerFiles, name: string): Record<string, unknown> {
  const text = files[name]
  if (text === undefined) throw new Error(`makeTokenizer: ${name} is missing. Put the one of the model beside its weights.`)
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    throw new Error(`makeTokenizer: ${name} is no JSON: ${String(error)}`, { cause: error })
  }
}

/** Names that templates know, such as `bos_token`; written as text or as an object with the text in it. */
function specialNames(settings: Record<string, unknown>): Record<string, string> {
  const names = Object.entries(settings).flatMap(([key, value]) => {
    const text = typeof value === 'object' && value !== null && 'content' in value ? value.content : value
    return key.endsWith('_token') && typeof text === 'string' ? [[key, text] as const] : []
  })
  return Object.fromEntries(names)
}

function chatTemplate(files: TokenizerFiles, { chat_template: own }: Record<string, unknown>): string {
  const named = Array.isArray(own) ? own.find(({ name }: { name?: unknown }) => name === 'default')?.template : own
  const template: unknown = files['chat_template.jinja'] ?? named
  if (typeof template === 'string') return template
  throw new Error('encodeChat: the model has no chat template, so it was not made for conversations; complete a text instead.')
}
