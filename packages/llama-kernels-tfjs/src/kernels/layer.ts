import { backend, getKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import { expectShape, type Inputs, input, type Kernel, type KernelContext, sizeOf, withScratch } from '../context.ts'
import { maxRows, runGated, runPlain } from './linear.ts'

interface Attrs {
  readonly batchSize: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly epsilon: number
  /** Tokens in the cache. */
  readonly length: number
  /** 0: none */
  readonly window: number
}

const name = 'LlamaLayer'

/**
 * `LlamaLayer`: one layer of a Llama for the newest T tokens of B rows, B·T ≤ 8, on top of a cache: x [B·T, C] →
 * `x₁ + (silu(m·gateᵀ)·(m·upᵀ))·downᵀ`, `m` the norm of `x₁ = x + attention(rope(q), rope(k), v)·oᵀ`. Without cos and sin [B or 1, T, 1, D/2]
 * nothing is turned. Keys and values are written into cachedKey, cachedValue [B, capacity, K, D] behind the first `length`, in place, by the
 * kernel `FlashAttentionCached` of flash-attn-tfjs, which has to be registered. Five runs of the threads, and no tensors in between: on a
 * small model those take longer than the weights.
 */
export const llamaLayer: Kernel = (context, inputs, attrs) => {
  const { batchSize: B, numHeads: H, numKvHeads: K, epsilon, length, window } = attrs as unknown as Attrs
  const x = input(name, inputs, 'x')
  const [rows = 0, C = 0] = x.shape
  const T = rows / B
  if (x.shape.length !== 2 || rows < 1 || rows > maxRows || !Number.isInteger(T)) {
    throw new RangeError(`${name}: x has shape [${x.shape}]; it must be [B·T, C] with B = ${B} and B·T from 1 to ${maxRows}.`)
  }
  const D = input(name, inputs, 'query').shape[0]! / H
  const F = input(name, inputs, 'gate').shape[0]!
  checkWeights(inputs, { C, F, H, K, D })
  const { heap, kernels } = context
  const address = (key: string) => heap.address(inputs[key]!)
  const made: TensorInfo[] = []
  const make = (shape: readonly number[]): TensorInfo => {
    const tensor = heap.makeOutput(shape, 'float32')
    made.push(tensor)
    return tensor
  }
  let out: TensorInfo | undefined
  try {
    const y = make(x.shape)
    const [query, key, value] = [make([B, T, H, D]), make([B, T, K, D]), make([B, T, K, D])]
    withScratch(heap, 4 * rows * (C + 1 + C + F), (normed) => {
      const inverse = normed + 4 * rows * C
      const [between, gated] = [inverse + 4 * rows, inverse + 4 * rows * (1 + C)]
      const norm = (from: number, weight: string) =>
        kernels.exports.rmsNorm!(0, 0, from, address(weight), normed, inverse, rows, C, rows, epsilon)
      const problem = (from: number, depth: number) => ({ x: from, rows, depth, threads: kernels.threads })
      norm(address('x'), 'attentionNorm')
      const [q, k, v] = [heap.address(query), heap.address(key), heap.address(value)]
      const weights = [address('query'), address('key'), address('value')]
      runPlain(context, problem(normed, C), weights, [q, k, v], [H * D, K * D, K * D], 0)
      if (inputs.cos) {
        turn(context, inputs, q, [B, T, H, D])
        turn(context, inputs, k, [B, T, K, D])
      }
      const attended = attend(inputs, { query, key, value }, { length, scale: 1 / Math.sqrt(D), window })
      made.push(attended)
      runPlain(context, problem(heap.address(attended), H * D), [address('output')], [between], [C], address('x'))
      norm(between, 'mlpNorm')
      runGated(context, problem(normed, C), [address('gate'), address('up')], gated, F)
      runPlain(context, problem(gated, F), [address('down')], [heap.address(y)], [C], between)
    })
    out = y
    return y
  } finally {
    for (const tensor of made) if (tensor !== out) heap.dispose(tensor)
  }
}

interface Sizes {
  readonly C: number
  readonly F: number
  readonly H: number
  readonly K: number
  readonly D: number
}

function checkWeights(inputs: Inputs, { C, F, H, K, D }: Sizes): void {
  const shapes: Readonly<Record<string, readonly number[]>> = {
    ...{ attentionNorm: [C], query: [H * D, C], key: [K * D, C], value: [K * D, C], output: [C, H * D] },
    ...{ mlpNorm: [C], gate: [F, C], up: [F, C], down: [C, F] },
  }
  for (const key in shapes) expectShape(name, key, input(name, inputs, key), shapes[key]!)
}

/** Turns queries or keys where they lie. */
function turn(
  { heap, kernels }: KernelContext,
  inputs: Inputs,
  x: number,
  [B, T, heads, D]: readonly [number, number, number, number],
): void {
  const [cos, sin] = [input(name, inputs, 'cos'), input(name, inputs, 'sin')]
  const tables = cos.shape[0] === 1 ? 1 : B
  for (const [key, table] of [
    ['cos', cos],
    ['sin', sin],
  ] as const)
    expectShape(name, key, table, [tables, T, 1, D / 2])
  const tableBatch = tables === 1 ? 0 : (sizeOf(cos.shape) / B) * 4
  kernels.exports.rotary!(0, 0, x, heap.address(cos), heap.address(sin), x, B * T, T, heads, D, B * T, tableBatch, 0, 1)
}

function attend(inputs: Inputs, newest: Inputs, attrs: Readonly<Record<'length' | 'scale' | 'window', number>>): TensorInfo {
  const kernel = getKernel('FlashAttentionCached', 'wasm')
  if (!kernel) throw new Error(`${name}: needs the kernel FlashAttentionCached; call registerFlashAttention() of flash-attn-tfjs/wasm.`)
  const { cachedKey, cachedValue, querySegmentIds, keySegmentIds } = inputs
  const ids = querySegmentIds && keySegmentIds ? { querySegmentIds, keySegmentIds } : {}
  const all = { ...newest, cachedKey: cachedKey!, cachedValue: cachedValue!, ...ids }
  return kernel.kernelFunc({ inputs: all, attrs: { ...attrs }, backend: backend() }) as TensorInfo
}
