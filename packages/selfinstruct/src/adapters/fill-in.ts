type Schema = Readonly<Record<string, unknown>>

/** What a model writes into the gaps of a reply. */
export interface Writer {
  /** Continues `reply`, which ends in an opening quote, by at most `limit` tokens; `isOver` where the string ended by itself. */
  readonly string: (
    reply: string,
    limit: number,
  ) => Promise<{ readonly content: string; readonly tokens: number; readonly isOver: boolean }>
  /** The likelier of several ways to continue `reply`. */
  readonly choice: (reply: string, options: readonly string[]) => Promise<string>
}

/** A text that stands as it is, or a gap: any string, or one of `options`. */
type Part = string | { readonly options?: readonly string[] }

/**
 * JSON in the form of a schema: braces, keys and quotes are given, the model writes what stands in the strings (the technique of Jsonformer), so that
 * a small model's reply can be read too. Each string may take an equal share of the tokens left; where it does not end by then it is ended,
 * but for the last gap: there the reply breaks off, as any reply at its limit.
 * @throws TypeError for a schema that holds anything but objects, arrays and strings
 */
export async function fillIn(schema: Schema, maxTokens: number, { string, choice }: Writer): Promise<string> {
  const parts = partsOf(schema)
  const gaps = parts.filter((part) => typeof part !== 'string')
  let reply = ''
  let [left, toCome] = [maxTokens, gaps.filter(({ options }) => options === undefined).length]
  for (const part of parts) {
    if (typeof part === 'string') reply += part
    else if (part.options !== undefined) reply += `"${await choice(`${reply}"`, part.options)}"`
    else {
      const { content, tokens, isOver } = await string(`${reply}"`, Math.floor(left / toCome--))
      reply += JSON.stringify(content)
      if (!isOver && part === gaps.at(-1)) return reply.slice(0, -1)
      left -= tokens
    }
  }
  return reply
}

/** A fresh object for each gap. */
function partsOf(schema: Schema): Part[] {
  const { type, properties, items, minItems, maxItems = minItems ?? 1 } = schema
  if (Array.isArray(schema.enum)) return [{ options: schema.enum }]
  if (type === 'string') return [{}]
  const listed = (fields: readonly Part[][], [open, close]: readonly [string, string]) => [
    open,
    ...fields.flatMap((field, i) => (i > 0 ? [', ', ...field] : field)),
    close,
  ]
  if (type === 'object')
    return listed(
      Object.entries(Object(properties)).map(([name, of]) => [`${JSON.stringify(name)}: `, ...partsOf(of as Schema)]),
      ['{', '}'],
    )
  if (type === 'array')
    return listed(
      Array.from({ length: Number(maxItems) }, () => partsOf(items as Schema)),
      ['[', ']'],
    )
  throw new TypeError(
    `inProcess: the schema holds ${JSON.stringify(schema)}; objects, arrays, strings and enums of strings can be filled in.`,
  )
}

/** What a JSON string holds that begins with `text`, as far as its closing quote or the end of the line, and whether that was reached. */
export function stringIn(text: string): { readonly content: string; readonly isOver: boolean } {
  const raw = /^(?:\\.|[^"\\\n])*/.exec(text)![0]
  return { content: unescaped(raw).trim(), isOver: /^["\n]/.test(text.slice(raw.length)) }
}

function unescaped(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`)
  } catch {
    return raw
  }
}
