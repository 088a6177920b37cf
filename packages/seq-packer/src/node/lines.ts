const newline = 10

export interface Line {
  /** Without the line break; undefined where the line is longer than allowed: then its bytes are not kept. */
  readonly bytes: Uint8Array | undefined
  /** Of the line, also of one too long. */
  readonly length: number
}

/** Lines of a stream of bytes; at most `maxBytes` and the chunk at hand are in memory. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line, void> {
  let parts: Uint8Array[] = []
  let length = 0
  const add = (part: Uint8Array): void => {
    length += part.length
    if (length > maxBytes) parts = []
    else parts.push(part)
  }
  const line = (): Line => {
    const whole = { bytes: length > maxBytes ? undefined : parts.length === 1 ? parts[0]! : Buffer.concat(parts), length }
    parts = []
    length = 0
    return whole
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, end))
      from = end + 1
      yield line()
    }
    if (from < chunk.length) add(chunk.subarray(from))
  }
  if (length > 0) yield line()
}
