export interface Field {
  readonly name: string
  readonly text: string
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** `&lt;` and its kind, by name or number, once; anything else that looks like one stays. */
export const decodeEntities = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi, (entity, decimal, hexadecimal, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? entity
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal)
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? entity : String.fromCodePoint(code)
  })

/**
 * The texts inside the tags `names` of a model's reply, in order, as a chat model writes tags: any case, attributes, a closing tag missing or
 * twice, a tag inside itself, code fences, escaped brackets, prose around. What a model thinks aloud in `<think>` is no part of its reply.
 */
export function fieldsOf(reply: string, names: readonly string[]): Field[] {
  const said = reply.replace(/<think(?:ing)?>[\s\S]*?(?:<\/think(?:ing)?>|$)/gi, '').replace(/^[\s\S]*<\/think(?:ing)?>/i, '')
  const tag = new RegExp(`<\\s?(/?)\\s?(${names.join('|')})(?:\\s[^<>]*)?>`, 'gi')
  const text = said.search(tag) < 0 ? decodeEntities(said) : said
  const fields: Field[] = []
  let open: { name: string; from: number } | undefined
  const close = (until: number): void => {
    if (open !== undefined) fields.push({ name: open.name, text: contentOf(text.slice(open.from, until)) })
    open = undefined
  }
  for (const match of text.matchAll(tag)) {
    close(match.index)
    if (match[1] === '') open = { name: match[2]!.toLowerCase(), from: match.index + match[0].length }
  }
  close(text.length)
  return fields
}

/** Without the fence a reply or a field may be wrapped in, whole or only its end, and with entities decoded. */
const contentOf = (text: string): string =>
  decodeEntities(
    text
      .trim()
      .replace(/^```\w*\n([\s\S]*?)\n?```$/, '$1')
      .replace(/\n```$/, ''),
  ).trim()
