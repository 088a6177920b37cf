import type { LlamaConfig } from '../config.ts'
import { type Fields, fieldsOf } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { preTokenizers } from './pre-tokenizers.ts'

/** GGUF's kinds of tokens. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/**
 * The tokenizer of a GGUF file as `tokenizer.json` and `tokenizer_config.json`, with the chat template; none when it has no tokenizer.
 * @throws RangeError that starts with `who` for a kind that cannot be expressed, or lists that do not fit each other
 */
export function tokenizerFiles(who: string, metadata: Metadata, config: LlamaConfig): Record<string, string> {
  const fields = fieldsOf(who, metadata, '')
  const model = fields.optional('tokenizer.ggml.model', 'string')
  if (model === undefined || model === 'none' || model === 'no_vocab') return {}
  if (model !== 'gpt2' && model !== 'llama') throw unreadable(who, 'tokenizer.ggml.model', model, 'gpt2 and llama')
  const tokens = strings(who, metadata, 'tokenizer.ggml.tokens')
  if (tokens.length > config.vocabSize) {
    throw new RangeError(
      `${who}: tokenizer.ggml.tokens has ${tokens.length} tokens and the embedding ${config.vocabSize}. The file is damaged.`,
    )
  }
  const types = numbers(who, metadata, 'tokenizer.ggml.token_type', tokens.length)
  const special = (key: string) => tokenAt(fields, `tokenizer.ggml.${key}_token_id`, tokens)
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, types),
    ...(model === 'gpt2' ? byteLevel(who, metadata, tokens) : sentencePiece(who, metadata, tokens, types, special('unknown'))),
    post_processor: postProcessor(fields, model, tokens),
  }
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: special('bos'),
    eos_token: special('eos'),
    unk_token: special('unknown'),
    pad_token: special('padding'),
    model_max_length: config.maxPositionEmbeddings,
    clean_up_tokenization_spaces: false,
    chat_template: fields.optional('tokenizer.chat_template', 'string'),
  }
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  return { 'tokenizer.json': json(tokenizer), 'tokenizer_config.json': json(settings) }
}

function byteLevel(who: string, metadata: Metadata, tokens: readonly string[]) {
  const name = fieldsOf(who, metadata, '').optional('tokenizer.ggml.pre', 'string') ?? 'gpt-2'
  const pre = preTokenizers.find(({ names }) => names.includes(name))
  if (!pre) throw unreadable(who, 'tokenizer.ggml.pre', name, preTokenizers.flatMap(({ names }) => names).join(', '))
  return {
    normalizer: pre.normalizer,
    pre_tokenizer: pre.preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe(tokens, strings(who, metadata, 'tokenizer.ggml.merges'), { ignore_merges: pre.ignoreMerges }),
  }
}

/** Merges follow from the scores: of the pieces of a token, those that were merged last have the best. */
function sentencePiece(who: string, metadata: Metadata, tokens: readonly string[], types: ArrayLike<number>, unknown: string | null) {
  const scores = numbers(who, metadata, 'tokenizer.ggml.scores', tokens.length)
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const merges: { id: number; left: string; right: string }[] = []
  tokens.forEach((token, id) => {
    if (types[id] !== tokenTypes.normal) return
    for (let cut = 1; cut < token.length; cut++) {
      const [left, right] = [token.slice(0, cut), token.slice(cut)]
      if (ids.has(left) && ids.has(right)) merges.push({ id, left, right })
    }
  })
  merges.sort((a, b) => scores[b.id]! - scores[a.id]! || ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!)
  const prefix = fieldsOf(who, metadata, '').optional('tokenizer.ggml.add_space_prefix', 'boolean') ?? true
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  return {
    normalizer: { type: 'Sequence', normalizers: [...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replace] },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: bpe(
      tokens,
      merges.map(({ left, right }) => `${left} ${right}`),
      { unk_token: unknown, fuse_unk: true, byte_fallback: true },
    ),
  }
}

const bpe = (tokens: readonly string[], merges: readonly string[], settings: object) => ({
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  ...settings,
  vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
  merges,
})

function addedTokens(tokens: readonly string[], types: ArrayLike<number>) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
  const added: object[] = []
  tokens.forEach((content, id) => {
    const type = types[id]
    if (type !== tokenTypes.control && type !== tokenTypes.userDefined && type !== tokenTypes.unknown) return
    added.push({ id, content, ...flags, special: type !== tokenTypes.userDefined })
  })
  return added
}

/** Puts the first token before a text where the model wants that. */
function postProcessor(fields: Fields, model: 'gpt2' | 'llama', tokens: readonly string[]) {
  const bos = tokenAt(fields, 'tokenizer.ggml.bos_token_id', tokens)
  const wanted = fields.optional('tokenizer.ggml.add_bos_token', 'boolean') ?? model === 'llama'
  if (!wanted || bos === null)
    return model === 'gpt2' ? { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true } : null
  const first = { SpecialToken: { id: bos, type_id: 0 } }
  const [a, b] = [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }]
  return {
    type: 'TemplateProcessing',
    single: [first, a],
    pair: [first, a, { SpecialToken: { id: bos, type_id: 1 } }, b],
    special_tokens: { [bos]: { id: bos, ids: [tokens.indexOf(bos)], tokens: [bos] } },
  }
}

function tokenAt(fields: Fields, key: string, tokens: readonly string[]): string | null {
  const id = fields.optional(key, 'number')
  if (id === undefined) return null
  const token = tokens[id]
  if (token === undefined)
    throw new RangeError(`${fields.who}: ${key} is ${id}, and there are ${tokens.length} tokens. The file is damaged.`)
  return token
}

function strings(who: string, metadata: Metadata, key: string): readonly string[] {
  const value = metadata.get(key)
  if (Array.isArray(value)) return value as string[]
  throw new RangeError(`${who}: metadata '${key}' is missing or no list of strings. The file is damaged.`)
}

function numbers(who: string, metadata: Metadata, key: string, length: number): ArrayLike<number> {
  const value = metadata.get(key)
  if (ArrayBuffer.isView(value) && (value as Float32Array).length === length) return value as Float32Array
  throw new RangeError(`${who}: metadata '${key}' must be a list of ${length} numbers, one for each token. The file is damaged.`)
}

const unreadable = (who: string, key: string, value: string, known: string) =>
  new RangeError(
    `${who}: ${key} is '${value}'; ${known} can be read. Load with { tokenizer: false }, and take the tokenizer from the original model.`,
  )
