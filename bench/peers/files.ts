import { open } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs'
import { loadPretrained } from 'llama-model'
import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'

interface Input {
  readonly place: string
  readonly file: string
}

/** `ours` loads models, `read` reads their files. Memory is what the process gained. */
export const start: Start = async (variant) => {
  if (variant === 'ours') {
    await import('@tensorflow/tfjs-backend-wasm')
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
  return { memory, works: { load: variant === 'ours' ? prepareLoad : prepareRead } }
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
  const buffer = new Uint8Array(2 ** 20)
  return {
    async run() {
      const began = performance.now()
      const handle = await open(file)
      while ((await handle.read(buffer, 0, buffer.length)).bytesRead > 0);
      await handle.close()
      return { '': performance.now() - began }
    },
    check: () => [],
    dispose: () => {},
  }
}
