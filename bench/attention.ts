/**
 * Attention on tfjs-wasm, causal, B 1, H 8, D 64: the kernels of flash-attn-tfjs against attention as users write it on the same,
 * otherwise stock, backend, and against the best that can be written with its ops. Medians; one process, one after the other.
 */
import * as tf from '@tensorflow/tfjs'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { shareWasmHeap } from 'wasm-heap-tfjs'

const heads = 8
const headDim = 64
const lengths = [512, 1024, 2048, 4096]
const patience = 60_000 // ms: what would take longer is left out
const heapLimit = 3.5 * 2 ** 30 // bytes: tfjs does not notice a full heap (4 GiB) and would go on with wrong numbers

type Attend = (q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D) => tf.Tensor
interface Measured {
  readonly milliseconds: number
  readonly peakBytes: number
}

async function bench(): Promise<void> {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  const heap = countAllocations()
  const contestants: Record<string, { attend: Attend; threads?: number }> = {
    'flash, 1 thread': { attend: (q, k, v) => flashAttention(q, k, v, { causal: true }), threads: 1 },
    'flash, 2 threads': { attend: (q, k, v) => flashAttention(q, k, v, { causal: true }), threads: 2 },
    'naive, stock tfjs': { attend: (q, k, v) => attention(q, k, v, { causal: true }) },
    'naive, best written': { attend: perHeadAttention },
  }
  console.log(`attention, causal, B 1, H ${heads}, D ${headDim}, ${wasmVersion()}; × = times flash with 1 thread`)
  console.log(row(['T', '', 'forward ms', '×', 'forward + backward ms', '×', 'peak MiB']))
  const before: Record<string, [Measured | null, Measured | null]> = {}
  for (const length of lengths) {
    const [q, k, v] = [0, 1, 2].map((seed) => tf.randomNormal([1, length, heads, headDim], 0, 1, 'float32', seed)) as [
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
    ]
    for (const [name, { attend, threads }] of Object.entries(contestants)) {
      const kernels = threads === undefined ? null : registerFlashAttention({ threads })
      const gradients = tf.grads((...x: tf.Tensor[]) => tf.sum(tf.mul(attend(...(x as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D])), v)))
      const runs = [() => attend(q, k, v), () => gradients([q, k, v])]
      before[name] = runs.map((run, i) => measure(run, heap, before[name]?.[i])) as [Measured | null, Measured | null]
      kernels?.unregister()
      const reference = before['flash, 1 thread']
      const ratio = (i: 0 | 1) => times(before[name]?.[i], reference?.[i])
      const [forward, both] = before[name]
      console.log(row([length, name, format(forward), ratio(0), format(both), ratio(1), mebibytes(both ?? forward)]))
    }
    tf.dispose([q, k, v])
  }
}

/** Median time and peak heap of a run; null where the length before says it takes too long or too much. */
function measure(run: () => tf.TensorContainer, heap: Heap, shorter: Measured | null | undefined): Measured | null {
  if (shorter === null || (shorter && (4 * shorter.milliseconds > patience || 4 * shorter.peakBytes > heapLimit))) return null
  const samples: number[] = []
  heap.reset()
  const start = performance.now()
  while (samples.length === 0 || (samples.length < 12 && performance.now() - start < 6_000)) {
    const began = performance.now()
    const result = tf.tidy(run)
    samples.push(performance.now() - began)
    tf.dispose(result)
  }
  const warm = samples.slice(samples.length > 4 ? 3 : 0).sort((a, b) => a - b) // V8 optimises during the first calls
  return { milliseconds: warm[warm.length >> 1] as number, peakBytes: heap.peak() }
}

/**
 * The strongest attention tfjs-wasm's own ops allow: one head at a time, products of rank 2 and not transposed, the only ones its fast
 * path takes, and a backward pass written by hand.
 */
const perHeadAttention: Attend = (query, key, value) => {
  const [, T] = query.shape
  const head = (x: tf.Tensor | undefined, h: number): tf.Tensor2D =>
    tf.reshape(tf.slice(x as tf.Tensor, [0, 0, h, 0], [1, T, 1, headDim]), [T, headDim])
  const heads2D = <Result extends tf.TensorContainer>(body: (h: number) => Result) =>
    Array.from({ length: heads }, (_, h) => tf.tidy(() => body(h)))
  const join = (parts: tf.Tensor[]) => tf.reshape(tf.stack(parts, 1), [1, T, heads, headDim])
  const op = tf.customGrad((...args) => {
    const [q, k, v, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc]
    const weightsOf = (h: number, mask: tf.Tensor) => {
      const scores = tf.matMul(head(q, h), tf.transpose(head(k, h)))
      return tf.softmax(tf.add(tf.mul(scores, 1 / Math.sqrt(headDim)), mask)) as tf.Tensor2D
    }
    const mask = causalMask(T)
    const weights = heads2D((h) => weightsOf(h, mask))
    const out = join(heads2D((h) => tf.matMul(weights[h] as tf.Tensor2D, head(v, h))))
    save([q, k, v, ...weights])
    const gradFunc = (dOut: tf.Tensor, [q, k, v, ...weights]: tf.Tensor[]) => {
      const parts = heads2D((h) => {
        const p = weights[h] as tf.Tensor2D
        const d = head(dOut, h)
        const dP = tf.matMul(d, tf.transpose(head(v, h)))
        const delta = tf.sum(tf.mul(dP, p), 1, true)
        const dS = tf.mul(tf.mul(p, tf.sub(dP, delta)), 1 / Math.sqrt(headDim)) as tf.Tensor2D
        return [tf.matMul(dS, head(k, h)), tf.matMul(tf.transpose(dS), head(q, h)), tf.matMul(tf.transpose(p), d)]
      })
      return [0, 1, 2].map((i) => join(parts.map((part) => part[i] as tf.Tensor)))
    }
    return { value: out, gradFunc }
  })
  return op(query, key, value)
}

function causalMask(T: number): tf.Tensor {
  const mask = new Float32Array(T * T)
  for (let i = 0; i < T; i++) mask.fill(-1e9, i * T + i + 1, (i + 1) * T)
  return tf.tensor(mask, [T, T])
}

type Heap = ReturnType<typeof countAllocations>

/** Follows what is allocated in the wasm heap, whose own size never goes down. */
function countAllocations() {
  const { wasm: module } = tf.backend() as unknown as { wasm: { _malloc(bytes: number): number; _free(address: number): void } }
  module._free(module._malloc(8)) // Emscripten's stubs replace themselves at the first call
  const { _malloc, _free } = module
  const sizes = new Map<number, number>()
  let live = 0
  let peak = 0
  module._malloc = (bytes) => {
    const address = _malloc(bytes)
    sizes.set(address, bytes)
    live += bytes
    peak = Math.max(peak, live)
    return address
  }
  module._free = (address) => {
    live -= sizes.get(address) ?? 0
    sizes.delete(address)
    _free(address)
  }
  return {
    peak: () => peak,
    reset: () => {
      peak = live
    },
  }
}

const wasmVersion = () => `tfjs-backend-wasm ${wasm.version_wasm}, Node ${process.version}`
const format = (measured: Measured | null | undefined) => (measured ? measured.milliseconds.toFixed(1) : 'left out')
const times = (measured: Measured | null | undefined, reference: Measured | null | undefined) =>
  measured && reference ? (measured.milliseconds / reference.milliseconds).toFixed(2) : '–'
const mebibytes = (measured: Measured | null) => (measured ? (measured.peakBytes / 2 ** 20).toFixed(0) : '–')
const row = (cells: (string | number)[]) =>
  cells.map((cell, i) => (i === 1 ? String(cell).padEnd(20) : String(cell).padStart(i === 4 ? 21 : 10))).join(' ')

await bench()
