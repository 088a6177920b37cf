import type { Source } from './source.ts'

const maxBytes = 2 ** 28

/**
 * Text of a small file; without a `hint`, undefined when it does not exist.
 * @throws Error that ends with `hint` when there is no such file; RangeError when it is larger than 256 MiB or cannot be read
 */
export function readText(source: Source, name: string, hint: string): Promise<string>
export function readText(source: Source, name: string): Promise<string | undefined>
export async function readText(source: Source, name: string, hint?: string): Promise<string | undefined> {
  const bytes = await readBytes(source, name)
  if (bytes) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  if (hint === undefined) return undefined
  throw new Error(`loadPretrained: ${source.at(name)} does not exist. ${hint}`)
}

/** A small file; undefined when it does not exist. @throws RangeError when it is larger than 256 MiB or cannot be read */
export async function readBytes(source: Source, name: string): Promise<Uint8Array | undefined> {
  const stream = await source.open(name)
  if (!stream) return undefined
  try {
    const parts: Uint8Array[] = []
    let size = 0
    for (;;) {
      const part = new Uint8Array(2 ** 16)
      const length = await stream.read(part)
      if (length === 0) break
      size += length
      if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
      parts.push(part.subarray(0, length))
    }
    return concatenate(parts, size)
  } catch (error) {
    throw new RangeError(`loadPretrained: ${source.at(name)} cannot be read: ${String(error)}.`, { cause: error })
  } finally {
    await stream.close()
  }
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A JSON object. @throws RangeError naming the file */
export function readJson(where: string, text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RangeError(`loadPretrained: ${where} cannot be read: ${String(error)}.`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RangeError(`loadPretrained: ${where} cannot be read: it is no JSON object.`)
  }
  return value as Record<string, unknown>
}
