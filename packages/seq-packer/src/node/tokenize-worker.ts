import { parentPort, workerData } from 'node:worker_threads'
import { createEncoder, type EncoderOptions } from './encoder.ts'
import type { Fault } from './records.ts'
import { hashOf } from './seen-texts.ts'
import { textOf } from './text-of.ts'

/** Records as they lie on the disk, or texts. */
export interface Batch {
  /** Of several records, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each ends; −1 where there is a fault already. */
  readonly ends: Int32Array
  /** For each, whether it is a line of JSON. */
  readonly json: Uint8Array
  /** Or only hashed: its tokens lie in a finished shard. */
  readonly encode: boolean
}

export interface BatchResult {
  readonly tokens: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  /** Tokens of each record; −1 where there is a fault. */
  readonly lengths: Int32Array
  /** 16 bytes a record. */
  readonly hashes: Uint8Array<ArrayBuffer>
  readonly faults: ReadonlyMap<number, Fault>
  /** Of the records that have one of their own. */
  readonly ids: ReadonlyMap<number, string>
}

export interface WorkerSettings extends EncoderOptions {
  readonly json: string
  readonly field: string
  readonly idField: string | undefined
}

const { json, field, idField, ...options }: WorkerSettings = workerData
const encoder = await createEncoder(json, options)

async function work({ bytes, ends, json: isJson, encode }: Batch): Promise<BatchResult> {
  const hashes = new Uint8Array(16 * ends.length)
  const lengths = new Int32Array(ends.length).fill(-1)
  const faults = new Map<number, Fault>()
  const ids = new Map<number, string>()
  const texts: string[] = []
  const places: number[] = []
  let from = 0
  for (const [i, end] of ends.entries()) {
    if (end < 0) continue
    const found = textOf(bytes.subarray(from, end), isJson[i] === 1, field, idField)
    from = end
    if (found.fault) {
      faults.set(i, found.fault)
      continue
    }
    if (found.id !== undefined) ids.set(i, found.id)
    hashes.set(hashOf(found.text), 16 * i)
    lengths[i] = 0
    texts.push(found.text)
    places.push(i)
  }
  if (!encode) return { tokens: new Uint16Array(0), lengths, hashes, faults, ids }
  const encoded = await encoder.encode(texts)
  for (const [k, i] of places.entries()) lengths[i] = encoded.lengths[k]!
  return { tokens: encoded.tokens as BatchResult['tokens'], lengths, hashes, faults, ids }
}

let last: Promise<unknown> = Promise.resolve()
parentPort?.on('message', (batch: Batch) => {
  last = last // one after the other: a text counts on the pieces of those before it
    .then(() => work(batch))
    .then(
      (result) => parentPort?.postMessage({ result }, [result.tokens.buffer, result.hashes.buffer]),
      (error: unknown) => parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) }),
    )
})
