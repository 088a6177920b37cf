import { parseArgs } from 'node:util'

export interface Option {
  readonly type: 'string' | 'boolean'
  /** What is taken without it; for the help. */
  readonly fallback?: string
  readonly about: string
}

/** By name without dashes; the same names are keys of a configuration file. */
export const options: Readonly<Record<string, Option>> = {
  'chat-url': { type: 'string', about: 'base URL of an OpenAI-compatible server, such as http://localhost:8080/v1' },
  'chat-model': { type: 'string', about: 'model, as the server calls it' },
  'key-env': {
    type: 'string',
    fallback: 'SELFINSTRUCT_API_KEY',
    about: 'environment variable that holds the key, if the server wants one',
  },
  out: { type: 'string', fallback: 'selfinstruct-out', about: 'folder for outcomes.jsonl, messages.jsonl, journal.jsonl, view.html' },
  'max-characters': { type: 'string', about: 'longest text in messages.jsonl, cut around the chunks; default whole documents' },
  limit: { type: 'string', about: 'take the first so many documents' },
  resume: { type: 'boolean', about: 'go on with what the folder holds; nothing is asked twice' },
  view: { type: 'boolean', about: 'also write view.html; without --chat-url of the outcomes that are there' },
  'dry-run': { type: 'boolean', about: 'show the prompts and what they would cost, request nothing, write nothing' },
  kinds: { type: 'string', fallback: 'normal,short', about: 'of normal, short, summary, multi-chunk' },
  'pairs-per-document': { type: 'string', fallback: '1', about: 'pairs asked for per document' },
  'questions-per-chunk': { type: 'string', fallback: '1', about: 'pairs asked for in one call' },
  'chunk-characters': { type: 'string', fallback: '4000', about: 'largest size of a chunk' },
  'reply-format': { type: 'string', fallback: 'tags', about: 'tags, or json for servers with structured output' },
  'closed-book': { type: 'string', about: 'drop pairs whose answer the model gives without the document, by token F1 above this' },
  'min-groundedness': { type: 'string', fallback: '0.5', about: 'least share of an answer’s words that the chunk holds' },
  seed: { type: 'string', fallback: '0', about: 'decides chunks and kinds' },
  temperature: { type: 'string', about: 'of replies; default the server’s' },
  'max-tokens': { type: 'string', about: 'longest reply; default the server’s' },
  concurrency: { type: 'string', fallback: '4', about: 'pairs in the making at a time' },
  timeout: { type: 'string', fallback: '120', about: 'seconds a reply may take' },
  'requests-per-minute': { type: 'string', about: 'limit of the server' },
  'tokens-per-minute': { type: 'string', about: 'limit of the server' },
  'price-prompt': { type: 'string', about: 'price of a million tokens of prompts' },
  'price-completion': { type: 'string', about: 'price of a million tokens of replies' },
  'max-requests': { type: 'string', about: 'stop after so many requests' },
  'max-cost': { type: 'string', about: 'stop when so much is spent' },
  config: { type: 'string', about: 'YAML file with any of these options, and documents; the command line wins' },
  help: { type: 'boolean', about: 'this' },
}

export type Values = Readonly<Record<string, string | boolean | undefined>>

/** Values from the command line and, below them, from a file that `read` has parsed. Throws for an option that does not exist. */
export async function valuesOf(
  argv: readonly string[],
  read: (path: string) => Promise<unknown>,
): Promise<{ values: Values; documents: readonly string[] }> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }])),
  })
  if (typeof values.config !== 'string') return { values, documents: positionals }
  const file: unknown = await read(values.config)
  if (typeof file !== 'object' || file === null || Array.isArray(file))
    throw new RangeError(`--config ${values.config}: it must be a mapping of options, such as \`chat-url: http://localhost:8080/v1\`.`)
  const given: Record<string, string | boolean> = {}
  let documents: string[] = []
  for (const [name, value] of Object.entries(file)) {
    if (name === 'documents') documents = [value].flat().map(String)
    else if (options[name] === undefined)
      throw new RangeError(
        `--config ${values.config}: '${name}' is no option; choose from documents, ${Object.keys(options).join(', ')}.` +
          (name.includes('key') ? ' The key itself comes from the environment alone.' : ''),
      )
    else given[name] = options[name].type === 'boolean' ? value === true : [value].flat().join(',')
  }
  return { values: { ...given, ...values }, documents: positionals.length > 0 ? positionals : documents }
}

export function help(): string {
  const lines = Object.entries(options).map(([name, { type, fallback, about }]) => {
    const flag = `  --${name}${type === 'string' ? ' VALUE' : ''}`
    return `${flag.padEnd(30)} ${about}${fallback === undefined ? '' : ` (default ${fallback})`}`
  })
  return `selfinstruct DOCUMENTS … --chat-url URL --chat-model NAME [options]

Questions and answers about long documents, by a chat model that checks its own answers.
DOCUMENTS are .txt and .md files, .jsonl files of { "text": "…", "id"?: "…" } a line, or folders of these.

${lines.join('\n')}
`
}

/** Options as what they have to be; errors name the option and the value. */
export function reader(values: Values) {
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string): number | undefined => {
    const value = text(name)
    if (value === undefined) return undefined
    if (value.trim() === '' || !Number.isFinite(Number(value))) throw new RangeError(`--${name} is '${value}'; it must be a number.`)
    return Number(value)
  }
  return {
    text,
    number,
    flag: (name: string): boolean => values[name] === true,
    count(name: string): number | undefined {
      const value = number(name)
      if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
        throw new RangeError(`--${name} is ${value}; it must be a whole number ≥ 1.`)
      return value
    },
    required(name: string, example: string): string {
      const value = text(name)
      if (value === undefined || value === '') throw new RangeError(`--${name} is missing; give it, such as --${name} ${example}.`)
      return value
    },
  }
}
export type Reader = ReturnType<typeof reader>
