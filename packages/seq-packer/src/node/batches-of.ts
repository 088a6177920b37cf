import type { Record } from './records.ts'
import type { Batch } from './tokenize-worker.ts'

const batchBytes = 2 ** 20
const mostRecords = 2 ** 13

/** Work for one thread, and where each of its records comes from. */
export interface Bundle {
  readonly batch: Batch
  readonly records: readonly Omit<Record, 'bytes'>[]
}

/**
 * Records in bundles of a megabyte or, where it is longer, of one record.
 * `borderAfter(records)` is the number of records at which a bundle has to end next, and whether records up to there are encoded.
 */
export async function* batchesOf(
  records: AsyncIterable<Record>,
  borderAfter: (count: number) => { readonly border: number; readonly encode: boolean },
): AsyncGenerator<Bundle, void> {
  let count = 0
  let held: Record[] = []
  let size = 0
  let { border, encode } = borderAfter(0)
  const bundle = (): Bundle => {
    const bytes = new Uint8Array(size)
    const ends = new Int32Array(held.length).fill(-1)
    const json = new Uint8Array(held.length)
    let end = 0
    for (const [i, { bytes: own, file }] of held.entries()) {
      if (!own) continue
      bytes.set(own, end)
      end += own.length
      ends[i] = end
      json[i] = file.kind === 'jsonl' ? 1 : 0
    }
    const made = { batch: { bytes, ends, json, encode }, records: held.map(({ bytes: _, ...rest }) => rest) }
    held = []
    size = 0
    return made
  }
  for await (const record of records) {
    const length = record.bytes?.length ?? 0
    if (held.length > 0 && size + length > batchBytes) yield bundle()
    held.push(record)
    size += length
    count++
    if (count === border || held.length === mostRecords) yield bundle()
    if (count === border) ({ border, encode } = borderAfter(count))
  }
  if (held.length > 0) yield bundle()
}
