import type { LlamaConfig } from '../config.ts'
import { preTokenizers } from './pre-tokenizers.ts'
import { tokenTypes } from './tokenizer.ts'
import type { Entry } from './write-header.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

/** The parts of a tokenizer.json that are used. */
interface Tokenizer {
  readonly model?: {
    readonly type?: string
    readonly byte_fallback?: boolean
    readonly vocab?: Readonly<Record<string, number>>
    readonly merges?: readonly (string | readonly [string, string])[]
  }
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[]
  readonly pre_tokenizer?: Part | null
  readonly normalizer?: Part | null
  readonly post_processor?: unknown
}
interface Part {
  readonly type: string
  readonly pretokenizers?: readonly Part[]
  readonly individual_digits?: boolean
  readonly pattern?: { readonly Regex?: string }
  readonly use_regex?: boolean
  readonly add_prefix_space?: boolean
}

/** The tokenizer's metadata. @throws RangeError for one that llama.cpp does not have, or that does not fit the vocabulary */
export function exportTokenizer(files: Files, config: LlamaConfig): Entry[] {
  if (!('tokenizer.json' in files)) return [['tokenizer.ggml.model', 'string', 'none']]
  const tokenizer = parse<Tokenizer>(files, 'tokenizer.json')
  const settings = parse<Readonly<Record<string, unknown>>>(files, 'tokenizer_config.json')
  const { model = {}, added_tokens: added = [] } = tokenizer
  if (model.type !== 'BPE') throw refusal(`its model is ${JSON.stringify(model.type)}; BPE can be written`)
  const merges = (model.merges ?? []).map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const { tokens, types } = tokenList(model.vocab ?? {}, added, config.vocabSize)
  return [
    ...(model.byte_fallback ? sentencePiece(tokenizer, tokens, types, merges) : byteLevel(tokenizer, merges)),
    ['tokenizer.ggml.tokens', 'string', tokens],
    ['tokenizer.ggml.token_type', 'int32', types],
    ...specialTokens(settings, config, new Map(tokens.map((token, id) => [token, id]))),
    ['tokenizer.ggml.add_bos_token', 'bool', addsFirst(tokenizer, settings)],
    ...chatTemplate(files, settings),
  ]
}

function parse<T extends object>(files: Files, name: string): T {
  const content = files[name] ?? '{}'
  try {
    return JSON.parse(typeof content === 'string' ? content : new TextDecoder().decode(content)) as T
  } catch (error) {
    throw new RangeError(`exportGguf: tokenizer['${name}'] cannot be read: ${String(error)}.`, { cause: error })
  }
}

function tokenList(vocab: Readonly<Record<string, number>>, added: NonNullable<Tokenizer['added_tokens']>, size: number) {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const types: number[] = tokens.map(() => tokenTypes.unused)
  const put = (token: string, id: number, type: number) => {
    if (!(id < size)) throw refusal(`token ${JSON.stringify(token)} has id ${id}, and config.vocabSize is ${size}`)
    tokens[id] = token
    types[id] = type
  }
  for (const [token, id] of Object.entries(vocab)) put(token, id, tokenTypes.normal)
  for (const { id, content, special } of added) put(content, id, special ? tokenTypes.control : tokenTypes.userDefined)
  return { tokens, types }
}

function byteLevel({ pre_tokenizer: own }: Tokenizer, merges: readonly string[]): Entry[] {
  const pre = preTokenizers.find(({ preTokenizer }) => signature(preTokenizer as Part) === signature(own))
  if (!pre) throw refusal(`its pre_tokenizer is none of llama.cpp's ${preTokenizers.map(({ names }) => names[0]).join(', ')}`)
  return [
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', pre.names[0]!],
    ['tokenizer.ggml.merges', 'string', merges],
  ]
}

/** What matters of the steps of a pre-tokenizer. */
function signature(part: Part | null | undefined): string {
  if (!part) return ''
  if (part.pretokenizers) return part.pretokenizers.map(signature).join(' → ')
  const { type, individual_digits: digits, pattern, use_regex: words = true, add_prefix_space: prefix } = part
  return `${type} ${type === 'ByteLevel' ? `${words} ${prefix}` : (digits ?? pattern?.Regex)}`
}

/** Scores take the place of merges: a token's is the better, the earlier it is merged. */
function sentencePiece({ normalizer }: Tokenizer, tokens: readonly string[], types: number[], merges: readonly string[]): Entry[] {
  const rank = new Map<string, number>()
  merges.forEach((merge, i) => {
    const token = merge.replace(' ', '')
    if (!rank.has(token)) rank.set(token, i)
  })
  tokens.forEach((token, id) => {
    if (/^<0x[0-9A-F]{2}>$/.test(token)) types[id] = tokenTypes.byte
    else if (token === '<unk>') types[id] = tokenTypes.unknown
  })
  return [
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.pre', 'string', 'default'],
    ['tokenizer.ggml.scores', 'float32', tokens.map((token) => -(rank.get(token) ?? merges.length))],
    ['tokenizer.ggml.add_space_prefix', 'bool', JSON.stringify(normalizer ?? null).includes('"Prepend"')],
  ]
}

function specialTokens(settings: Readonly<Record<string, unknown>>, config: LlamaConfig, ids: ReadonlyMap<string, number>): Entry[] {
  const named = (key: string): number | undefined => {
    const token = settings[key]
    const content = typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token
    return typeof content === 'string' ? ids.get(content) : undefined
  }
  const [eos, eot] = [config.eosTokenId].flat()
  const all = {
    bos: config.bosTokenId ?? named('bos_token'),
    eos: eos ?? named('eos_token'),
    eot,
    unknown: named('unk_token'),
    padding: named('pad_token'),
  }
  return Object.entries(all).flatMap(([name, id]): Entry[] =>
    id === undefined || id === null ? [] : [[`tokenizer.ggml.${name}_token_id`, 'uint32', id]],
  )
}

/** Whether a text gets a first token: what the settings say, or else the tokenizer's template. */
function addsFirst({ post_processor: processor }: Tokenizer, { add_bos_token: said }: Readonly<Record<string, unknown>>): boolean {
  if (typeof said === 'boolean') return said
  return /"single":\[\{"SpecialToken"/.test(JSON.stringify(processor ?? null))
}

function chatTemplate(files: Files, { chat_template: said }: Readonly<Record<string, unknown>>): Entry[] {
  const file = files['chat_template.jinja']
  const text = typeof file === 'object' ? new TextDecoder().decode(file) : (file ?? said)
  return typeof text === 'string' ? [['tokenizer.chat_template', 'string', text]] : []
}

const refusal = (why: string) =>
  new RangeError(`exportGguf: tokenizer['tokenizer.json'] cannot be written: ${why}. Leave the tokenizer out, or convert with llama.cpp.`)
