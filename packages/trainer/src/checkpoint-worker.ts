import type * as tf from '@tensorflow/tfjs-core'
import { nodeModules } from './file-system.ts'
import { type FileRecord, safetensorsHead } from './safetensors.ts'

/** The parts of a file, in order. */
export type HostCopy = readonly Uint8Array<ArrayBuffer>[]

/** All of a safetensors file in host memory: the values as they are now, whatever becomes of the tensors. */
export async function copiedToHost(tensors: Record<string, tf.Tensor>): Promise<HostCopy> {
  const { head, names } = safetensorsHead(tensors)
  const parts = [head]
  for (const name of names) {
    const values = await tensors[name]!.data()
    // a copy: some backends hand out their own memory, and the worker takes it away
    parts.push(new Uint8Array(values.byteLength))
    parts.at(-1)!.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  return parts
}

/** Writes, hashes and syncs files in a worker thread, which takes the memory of the copies. */
export function writeInWorker(folder: string, copies: Readonly<Record<string, HostCopy>>): Promise<Record<string, FileRecord>> {
  const { Worker } = nodeModules('saveCheckpoint').threads
  const transferList = Object.values(copies).flatMap((parts) => parts.map(({ buffer }) => buffer))
  const worker = new Worker(source, { eval: true, workerData: { folder, copies }, transferList })
  return new Promise((resolve, reject) => {
    worker.on('message', ({ records, error }: Reply) =>
      records ? resolve(records) : reject(Object.assign(new Error(error.message), error)),
    )
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the thread that writes ended with exit code ${code}`))) // after a message this says nothing
  })
}

type Reply =
  | { readonly records: Record<string, FileRecord>; readonly error?: never }
  | { readonly records?: never; readonly error: { readonly message: string; readonly code: string } }

// CommonJS, as a string: a library that is bundled has no file of its own to start a thread from
const source = `
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const { join } = require('node:path')
const { parentPort, workerData } = require('node:worker_threads')
const records = {}
try {
  for (const [name, parts] of Object.entries(workerData.copies)) {
    const hash = createHash('sha256')
    const file = fs.openSync(join(workerData.folder, name), 'w')
    let bytes = 0
    for (const part of parts)
      for (let from = 0; from < part.length; ) {
        const length = Math.min(2 ** 24, part.length - from)
        const written = fs.writeSync(file, part, from, length)
        hash.update(part.subarray(from, from + written))
        from += written
        bytes += written
      }
    fs.fsyncSync(file)
    fs.closeSync(file)
    records[name] = { bytes, sha256: hash.digest('hex') }
  }
  parentPort.postMessage({ records })
} catch ({ message, code }) {
  parentPort.postMessage({ error: { message, code } })
}`
