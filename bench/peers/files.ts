import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { loadPretrained } from 'llama-model'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'

interface Input {
  readonly place: string
  readonly file: string
}

/** `ours` loads models, `read` reads their files, once more into the same 256 KiB, `new memory` whole. Memory is what the process gained. */
export const start: Start = async (variant, threads) => {
  if (variant === 'ours') {
    const wasm = await import('@tensorflow/tfjs-backend-wasm')
    if (threads > 1) await shareWasmHeap(wasm)
    await tf.setBackend('wasm')
    tf.zeros([1]).dispose()
  }
  let before = 0
  const memory = {
    reset: () => {
      residentMemory.reset()
      before = process.memoryUsage.rss()
    },
    peak: () => residentMemory.peak() - before,
  }
  const prepare = variant === 'ours' ? prepareLoad : variant === 'read' ? prepareRead : prepareReadWhole
  return { memory, works: { load: prepare, 'first load': (input: Input) => onlyOnce(prepare(input)) } }
}

/** What the first run took, in a process that has no memory yet. */
function onlyOnce(prepared: Prepared): Prepared {
  let first: ReturnType<Prepared['run']> | undefined
  return {
    ...prepared,
    run() {
      first ??= prepared.run()
      return first
    },
  }
}

function prepareLoad({ place }: Input): Prepared {
  let sum = 0
  return {
    async run() {
      const began = performance.now()
      const { params } = await loadPretrained(place)
      const milliseconds = performance.now() - began
      sum = tf.tidy(() => tf.sum(tf.square(params['model.layers.29.mlp.down_proj.weight']!)).dataSync()[0]!)
      tf.dispose(params)
      return { '': milliseconds }
    },
    check: () => [sum],
    dispose: () => {},
  }
}

function prepareRead({ file }: Input): Prepared {
  const buffer = pages(2 ** 18)
  return timed(() => {
    const handle = openSync(file, 'r')
    while (readSync(handle, buffer, 0, buffer.length, null) > 0);
    closeSync(handle)
  })
}

function prepareReadWhole({ file }: Input): Prepared {
  return timed(() => {
    const handle = openSync(file, 'r')
    const bytes = pages(fstatSync(handle).size)
    for (let at = 0; at < bytes.length; ) at += readSync(handle, bytes, at, Math.min(2 ** 24, bytes.length - at), null)
    closeSync(handle)
  })
}

/** Whole pages: copying to a place a few bytes behind that of the source, modulo 4,096, takes four times as long. */
const pages = (length: number) => new Uint8Array(new WebAssembly.Memory({ initial: Math.ceil(length / 65_536) }).buffer, 0, length)

function timed(body: () => void): Prepared {
  return {
    run() {
      const began = performance.now()
      body()
      return { '': performance.now() - began }
    },
    check: () => [],
    dispose: () => {},
  }
}
