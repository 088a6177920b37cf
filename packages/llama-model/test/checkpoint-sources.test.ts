import { readdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { exportGguf, loadPretrained } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { saved, valuesOf } from './checkpoint-support.ts'
import { smallConfig } from './support.ts'

interface Asked {
  readonly name: string
  readonly from: number
}

interface Behaviour {
  /** Bytes after which the connection of the n-th answer with weights breaks. */
  readonly breaks?: (answer: number) => number | undefined
  readonly etag?: (answer: number) => string | undefined
  readonly ranges?: boolean
}

/** Serves the files of a folder, in ranges, and breaks connections. */
async function serve(
  dir: string,
  { breaks = () => undefined, etag = () => '"v1"', ranges = true }: Behaviour,
  body: (url: string, asked: Asked[]) => Promise<void>,
) {
  const asked: Asked[] = []
  let answers = 0
  const answer = async ({ url = '', headers }: IncomingMessage, response: ServerResponse) => {
    const name = basename(new URL(url, 'http://localhost').pathname)
    const bytes = await readFile(join(dir, name)).catch(() => undefined)
    if (!bytes) return response.writeHead(404).end()
    const isWeights = /\.(safetensors|gguf)$/.test(name)
    const tag = etag(isWeights ? ++answers : answers)
    const isSame = headers['if-range'] === undefined || headers['if-range'] === tag
    const from = ranges && isSame ? Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0) : 0
    asked.push({ name, from })
    const part = bytes.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length, ...(tag !== undefined && { etag: tag }) })
    const end = isWeights ? breaks(answers) : undefined
    if (end === undefined) return response.end(part)
    response.write(part.subarray(0, end), () => setTimeout(() => response.destroy(), 20))
    return undefined
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}/models`, asked)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const weightsAsked = (asked: readonly Asked[]) => asked.filter(({ name }) => name === 'model.safetensors').map(({ from }) => from)

describe('from a server whose connections break', () => {
  it('a file goes on where it broke', () =>
    saved((dir, params) =>
      serve(dir, { breaks: (answer) => [9000, 7000][answer - 1] }, async (url, asked) => {
        const loaded = await loadPretrained(url)
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        expect(weightsAsked(asked)).toEqual([0, 9000, 16_000])
        tf.dispose(loaded.params)
      }),
    ))

  it.each<[string, Behaviour, RegExp]>([
    ['that changed meanwhile', { etag: (answer) => `"v${answer}"` }, /changed, or cannot be continued, after 9000 bytes/],
    ['without ranges', { ranges: false }, /changed, or cannot be continued, after 9000 bytes/],
    ['without a tag', { etag: () => undefined }, /model\.safetensors breaks off at byte 9000/],
  ])('a file %s is refused', (_, behaviour, message) =>
    saved((dir) =>
      serve(dir, { breaks: (answer) => (answer === 1 ? 9000 : undefined), ...behaviour }, (url) =>
        expect(loadPretrained(url)).rejects.toThrow(message),
      ),
    ),
  )
})

describe('a cache', () => {
  it('keeps what came before the connection was gone for good, and needs no server once it is whole', () =>
    saved(async (dir, params) => {
      const cache = join(dir, '..', 'cache')
      let isGone = true
      const values = valuesOf(params)
      await serve(dir, { breaks: (answer) => (isGone ? (answer === 1 ? 9000 : 0) : undefined) }, async (url, asked) => {
        await expect(loadPretrained(url, { cache })).rejects.toThrow('model.safetensors breaks off at byte 9000')
        isGone = false
        asked.length = 0
        const loaded = await loadPretrained(url, { cache })
        expect(valuesOf(loaded.params)).toEqual(values)
        expect(weightsAsked(asked)).toEqual([9000])
        asked.length = 0
        const again = await loadPretrained(url, { cache, tokenizer: false })
        expect(valuesOf(again.params)).toEqual(values)
        expect(weightsAsked(asked)).toEqual([])
        tf.dispose([loaded.params, again.params])
      })
      expect((await readdir(cache)).filter((name) => name.endsWith('model.safetensors'))).toHaveLength(1)
    }))

  it('starts again when the file on the server is another one', () =>
    saved(async (dir, params) => {
      const cache = join(dir, '..', 'cache')
      let version = 1
      const behaviour = { breaks: () => (version === 1 ? 9000 : undefined), etag: () => (version === 1 ? 'W/"weak"' : `"v${version}"`) }
      await serve(dir, behaviour, async (url, asked) => {
        await expect(loadPretrained(url, { cache })).rejects.toThrow('breaks off at byte 9000')
        version = 2
        asked.length = 0
        const loaded = await loadPretrained(url, { cache })
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        expect(weightsAsked(asked)).toEqual([0])
        tf.dispose(loaded.params)
      })
    }))
})

describe('from a browser', () => {
  const fileOf = async (path: string) => new File([await readFile(path)], basename(path))

  it('the files of a folder, a single GGUF file, a folder of its file system', () =>
    saved(
      async (dir, params) => {
        const list = await Promise.all((await readdir(dir)).map((name) => fileOf(join(dir, name))))
        const gguf = join(dir, '..', 'model.gguf')
        await exportGguf(gguf, { params, config: smallConfig, dtype: 'float32' })
        const handle = {
          kind: 'directory',
          name: 'models',
          async getFileHandle(name: string) {
            const file = list.find((own) => own.name === name)
            if (!file) throw new DOMException('no such file', 'NotFoundError')
            return { getFile: async () => file }
          },
        } as unknown as FileSystemDirectoryHandle
        for (const location of [list, await fileOf(gguf), [await fileOf(gguf)], handle]) {
          const loaded = await loadPretrained(location)
          expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
          tf.dispose(loaded.params)
        }
        await expect(loadPretrained(list.filter(({ name }) => !name.includes('00003')))).rejects.toThrow(
          '00003-of-00007.safetensors does not exist',
        )
      },
      { maxShardBytes: 6000 },
    ))
})
