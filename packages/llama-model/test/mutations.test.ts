// 500 damaged files: each is refused with a message that names the file, or is read, if the damage is in what may be anything; nothing
// crashes, hangs, reads outside the folder, or allocates more than the file could hold.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { exportGguf, loadPretrained, savePretrained } from 'llama-model'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

/** Random numbers in [0, 1) that a seed decides. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}
type Random = () => number
const choose = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!

const hugeNumbers = [0, 1, 255, 2 ** 16, 2 ** 24, 2 ** 31 - 1, 2 ** 32, 2 ** 40, 2 ** 53, 2 ** 63 - 1024] as const
const hugeValues = [
  null,
  true,
  '',
  'x',
  -1,
  0,
  0.5,
  1e9,
  2 ** 31,
  2 ** 53 - 1,
  1e308,
  [],
  {},
  [1, 2],
  { a: {} },
  '..',
  '__proto__',
] as const

// ---- allocations by number of elements -------------------------------------------------------
let largest = 0
const counted = <T extends Uint8ArrayConstructor | Float32ArrayConstructor | Float64ArrayConstructor>(Base: T) =>
  class extends (Base as Uint8ArrayConstructor) {
    constructor(...args: [number]) {
      if (typeof args[0] === 'number') largest = Math.max(largest, args[0] * Base.BYTES_PER_ELEMENT)
      super(...args)
    }
  }
const scratch = 2 ** 20 // parts in which tensors are read

async function attempt(place: string, size: number, names: RegExp, what: string): Promise<'read' | 'refused'> {
  largest = 0
  vi.stubGlobal('Uint8Array', counted(Uint8Array))
  vi.stubGlobal('Float32Array', counted(Float32Array))
  vi.stubGlobal('Float64Array', counted(Float64Array))
  let message: string | undefined
  try {
    tf.dispose((await loadPretrained(place)).params)
  } catch (error) {
    expect(error, what).toBeInstanceOf(Error)
    message = (error as Error).message
  } finally {
    vi.unstubAllGlobals()
  }
  expect(largest, `${what}: bytes of one allocation`).toBeLessThanOrEqual(Math.max(scratch, 8 * size))
  if (message === undefined) return 'read'
  expect(message, what).toMatch(/^loadPretrained: /)
  expect(message, what).toMatch(names)
  expect(message, what).not.toMatch(/Cannot read prop|is not a function|not iterable|Invalid (array|typed array|string) length|call stack/)
  expect(message.length, what).toBeLessThan(10_000)
  return 'refused'
}

// ---- damage ----------------------------------------------------------------------------------
const cut = (random: Random, bytes: Buffer) => bytes.subarray(0, Math.floor(random() * bytes.length))
const grow = (random: Random, bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1 + Math.floor(random() * 100_000))])
const flip = (random: Random, bytes: Buffer, end: number) => {
  for (let i = 0; i <= random() * 4; i++) bytes[Math.floor(random() * end)]! ^= 1 << Math.floor(random() * 8)
  return bytes
}
const word = (random: Random, bytes: Buffer, end: number) => {
  bytes.writeBigUInt64LE(BigInt(choose(random, hugeNumbers)), Math.floor(random() * (end - 8)))
  return bytes
}

/** Replaces a value somewhere in parsed JSON. */
function damageJson(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.1) return choose(random, hugeValues)
  const keys = Object.keys(value)
  if (keys.length === 0) return choose(random, hugeValues)
  const key = choose(random, keys)
  const { [key]: chosen, ...others } = value as Record<string, unknown>
  if (random() < 0.1) return others
  if (random() < 0.1) return { ...others, [choose(random, ['x', '__proto__', '../x', key.toUpperCase()])]: chosen }
  const damaged = damageJson(random, chosen)
  return Array.isArray(value) ? Object.assign([...value], { [key]: damaged }) : { ...value, [key]: damaged }
}

const bombs = [
  '['.repeat(1e6),
  `${'{"a":'.repeat(1e5)}1`,
  `{"a":"${'x'.repeat(1e6)}"}`,
  '[[[]',
  '',
  'null',
  '3',
  '"x"',
  '[]',
  '\u0000\uffff',
]
const jsonText = (random: Random, text: string): string => {
  if (random() < 0.15) return choose(random, bombs)
  if (random() < 0.1) return text.slice(0, Math.floor(random() * text.length))
  return JSON.stringify(damageJson(random, JSON.parse(text)))
}

function damageSafetensors(random: Random, file: Buffer): Buffer {
  const bytes = Buffer.from(file)
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0))
  const withHeader = (text: string) => {
    const json = Buffer.from(text)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    return Buffer.concat([length, json, bytes.subarray(headerEnd)])
  }
  const header = bytes.subarray(8, headerEnd).toString()
  const overlap = () => {
    const offsets = [...header.matchAll(/\[\d+,\d+\](?=\})/g)].map(([text]) => text)
    return header.replace(choose(random, offsets), choose(random, offsets))
  }
  return choose(random, [
    () => cut(random, bytes),
    () => grow(random, bytes),
    () => flip(random, bytes, headerEnd),
    () => word(random, bytes, 16),
    () => withHeader(overlap()),
    () => withHeader(header.replace('"F32"', JSON.stringify(choose(random, ['F64', 'F16', 'I8', 'f32', '', 'toString'])))),
    ...Array.from({ length: 4 }, () => () => withHeader(jsonText(random, header))),
  ])()
}

function damageGguf(random: Random, file: Buffer, headerEnd: number): Buffer {
  const bytes = Buffer.from(file)
  return choose(random, [
    () => cut(random, bytes),
    () => grow(random, bytes),
    ...Array.from({ length: 4 }, () => () => flip(random, bytes, headerEnd)),
    () => word(random, bytes, 32), // version and counts
    ...Array.from({ length: 4 }, () => () => word(random, bytes, headerEnd)),
    () => cut(random, word(random, bytes, headerEnd)),
  ])()
}

// ---- runs ------------------------------------------------------------------------------------
const seeds = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

describe('damaged files', { timeout: 300_000 }, () => {
  let params: ReturnType<typeof makeParams>
  beforeAll(() => {
    params = makeParams(smallConfig)
  })
  afterAll(() => tf.dispose(params))

  /** Damages one file of a saved model, once for each seed, and counts how many were refused. */
  const refusals = async (
    { name, count, first, blames, maxShardBytes }: { name: string; count: number; first: number; blames: RegExp; maxShardBytes?: number },
    damage: (random: Random, bytes: Buffer) => Buffer | string,
  ) => {
    let refused = 0
    await withFolder((dir) =>
      expectNoLeaks(async () => {
        const folder = join(dir, 'model')
        await savePretrained(folder, { params, config: smallConfig, maxShardBytes })
        await exportGguf(join(dir, 'model.gguf'), { params, config: smallConfig, dtype: 'float32', tokenizer })
        const place = name.endsWith('.gguf') ? join(dir, name) : folder
        const file = name.endsWith('.gguf') ? place : join(folder, name)
        const whole = await readFile(file)
        for (const seed of seeds(first, count)) {
          const damaged = damage(randomOf(seed), whole)
          await writeFile(file, damaged)
          if ((await attempt(place, Buffer.byteLength(damaged) + 20_000, blames, `${name}, seed ${seed}`)) === 'refused') refused++
        }
      }),
    )
    return refused
  }

  const tokenizer = {
    'tokenizer.json': JSON.stringify({
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      model: { type: 'BPE', vocab: Object.fromEntries(Array.from({ length: 40 }, (_, id) => [`t${id}`, id])), merges: ['t1 t2'] },
    }),
  }

  it('160 of safetensors', async () => {
    const kind = { name: 'model.safetensors', count: 160, first: 1, blames: /model\.safetensors/ }
    expect(await refusals(kind, damageSafetensors)).toBeGreaterThan(140)
  })

  it('200 of GGUF', async () => {
    const kind = { name: 'model.gguf', count: 200, first: 1000, blames: /model\.gguf/ }
    expect(await refusals(kind, (random, bytes) => damageGguf(random, bytes, 2500))).toBeGreaterThan(120)
  })

  it('80 of config.json', async () => {
    const kind = { name: 'config.json', count: 80, first: 2000, blames: /config\.json|model\.safetensors/ }
    expect(await refusals(kind, (random, bytes) => jsonText(random, bytes.toString()))).toBeGreaterThan(30)
  })

  it('60 of the index of shards', async () => {
    const blames = /model\.safetensors\.index\.json|model-0000\d-of-/
    const kind = { name: 'model.safetensors.index.json', count: 60, first: 3000, blames, maxShardBytes: 6000 }
    expect(await refusals(kind, (random, bytes) => jsonText(random, bytes.toString()))).toBeGreaterThan(30)
  })

  it.each([
    '../x.safetensors',
    '/etc/passwd.safetensors',
    'a/../../x.safetensors',
    '..\\x.safetensors',
    '.safetensors',
    'tokenizer.json',
    7,
    null,
  ])('an index that names %j is refused before the file is opened', (path) =>
    withFolder(async (dir) => {
      const folder = join(dir, 'model')
      await savePretrained(folder, { params, config: smallConfig, maxShardBytes: 6000 })
      await writeFile(join(dir, 'x.safetensors'), 'secret')
      const index = join(folder, 'model.safetensors.index.json')
      const json = JSON.parse(await readFile(index, 'utf8')) as { weight_map: Record<string, unknown> }
      json.weight_map['model.norm.weight'] = path
      await writeFile(index, JSON.stringify(json))
      await expect(loadPretrained(folder)).rejects.toThrow(
        `model.safetensors.index.json puts tensor 'model.norm.weight' into ${JSON.stringify(path)}; it must be the name of a .safetensors file`,
      )
    }),
  )
})
