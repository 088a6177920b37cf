import { isUtf8 } from 'node:buffer'
import type { Fault } from './records.ts'

/** The text, with its id where the record has one; or what is wrong. */
export type Text = { readonly text: string; readonly id?: string; readonly fault?: never } | { readonly fault: Fault }

/** The text of a record: UTF-8 bytes, or a line of JSON with the text in `field`. */
export function textOf(bytes: Uint8Array, isJson: boolean, field: string, idField?: string): Text {
  if (!isUtf8(bytes))
    return fault('encoding', 'not UTF-8. Convert the file, for example with `iconv -t utf-8`.', isJson ? undefined : brokenLine(bytes))
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0 // what some editors begin a file with
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + mark, bytes.byteLength - mark).toString()
  if (isJson) return textOfLine(text, field, idField)
  return isBlank(text) ? fault('empty', 'the document is empty. Leave it out.') : { text }
}

const fault = (kind: Fault['kind'], what: string, line?: number): { fault: Fault } => ({
  fault: { kind, what, ...(line === undefined ? {} : { line }) },
})
const isBlank = (text: string): boolean => !/\S/.test(text)

function textOfLine(line: string, field: string, idField: string | undefined): Text {
  if (isBlank(line)) return fault('empty', 'the line is empty. Leave it out.')
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return fault('json', `not JSON (${error instanceof Error ? error.message : error}). Every line of a .jsonl file is one object.`)
  }
  const text = member(value, field)
  if (typeof text !== 'string') {
    const names = typeof value === 'object' && value !== null ? Object.keys(value) : []
    const found = names.includes(field) ? `'${field}' is ${JSON.stringify(text).slice(0, 40)}, no text` : `no '${field}'`
    return fault('field', `${found}; it has ${names.join(', ') || 'no members'}. Name the field that holds the text.`)
  }
  if (/\\u[dD]/.test(line) && /\p{Surrogate}/u.test(text))
    return fault('encoding', `'${field}' has half a surrogate pair, such as \\ud83d alone; no UTF-8 can hold it. Replace it.`)
  if (isBlank(text)) return fault('empty', 'the document is empty. Leave it out.')
  if (idField === undefined) return { text }
  const id = member(value, idField)
  if (typeof id === 'string' || typeof id === 'number') return { text, id: String(id) }
  return fault('field', `no '${idField}' with a string or a number. Name the field that holds the id.`)
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  const members: { readonly [key: string]: unknown } = { ...value }
  return members[name]
}

/** Number of the first line that is not UTF-8; a line break is never part of another character. */
function brokenLine(bytes: Uint8Array): number {
  let number = 1
  for (let from = 0; ; number++) {
    const end = bytes.indexOf(10, from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return number
    from = end + 1
  }
}
