import { pathToFileURL } from 'node:url'
import { noise } from '../inputs.ts'
import type { Prepared, Start } from '../serve-peer.ts'
import { meanSize } from './mean-size.ts'
import { residentMemory } from './memory.ts'
import { peersFolder } from './peers-folder.ts'
import type { AttentionInput } from './tfjs/attention.ts'
import type { MatMulInput } from './tfjs/matmul.ts'

/** An array of jax-js: every use takes it away; `ref` is another use. */
interface JaxArray {
  readonly ref: JaxArray
  mul(other: JaxArray | number): JaxArray
  add(other: JaxArray): JaxArray
  sum(): JaxArray
  reshape(shape: readonly number[]): JaxArray
  data(): Promise<Float32Array>
  dispose(): void
}
type Fn<Result> = (...args: JaxArray[]) => Result
interface Jax {
  init(device: string): Promise<unknown>
  defaultDevice(device: string): void
  jit<Result>(fn: Fn<Result>): Fn<Result>
  grad(fn: Fn<JaxArray>, options: { argnums: number[] }): Fn<JaxArray[]>
  blockUntilReady<Result>(arrays: Result): Promise<Result>
  nn: { softmax(x: JaxArray): JaxArray }
  numpy: {
    array(values: Float32Array): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
    swapaxes(x: JaxArray, a: number, b: number): JaxArray
  }
}

/** jax-js on its wasm backend, compiled by its jit. */
export const start: Start = async () => {
  const jax: Jax = await import(pathToFileURL(`${peersFolder}jax-js/node_modules/@jax-js/jax/dist/index.js`).href)
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  const { jit, grad, nn, numpy } = jax
  const array = (shape: readonly number[], seed: number, scale = 1) =>
    numpy
      .array(
        noise(
          shape.reduce((product, size) => product * size),
          seed,
          scale,
        ),
      )
      .reshape(shape)
  const timed = async <Result>(compute: () => Result): Promise<[Result, number]> => {
    const began = performance.now()
    const result = await jax.blockUntilReady(compute())
    return [result, performance.now() - began]
  }
  const means = async (arrays: JaxArray[]) => Promise.all(arrays.map(async (x) => meanSize(await x.ref.data())))

  const attention = ({ T, H, D }: AttentionInput): Prepared => {
    // its nn.dotProductAttention needs a newer Node than 20; this is what it does
    const causal: Fn<JaxArray> = (q, k, v, mask) => {
      const scores = numpy.matmul(q!, numpy.swapaxes(k!, -1, -2)).mul(1 / Math.sqrt(D))
      return numpy.matmul(nn.softmax(scores.add(mask!)), v!)
    }
    const input = (seed: number, scale = 1) => numpy.swapaxes(array([1, T, H, D], seed, scale), 1, 2)
    const mask = Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0))
    const inputs = [input(0, 2), input(1, 2), input(2), numpy.array(mask).reshape([T, T]), input(3)]
    const attend = jit(causal)
    const gradients = jit(grad((q, k, v, mask, dOut) => causal(q!, k!, v!, mask!).mul(dOut!).sum(), { argnums: [0, 1, 2] }))
    const uses = () => inputs.map((x) => x.ref)
    let check: number[] = []
    const run = async () => {
      const [out, forward] = await timed(() => attend(...uses().slice(0, 4)))
      const [dInputs, both] = await timed(() => gradients(...uses()))
      if (check.length === 0) check = await means([out, ...dInputs])
      for (const x of [out, ...dInputs]) x.dispose()
      return { forward, backward: both - forward, 'forward + backward': both }
    }
    return { run, check: () => check, dispose: () => inputs.forEach((x) => void x.dispose()) }
  }
  const matmul = ({ a, b, transposeA, transposeB }: MatMulInput): Prepared => {
    const [left, right] = [array(a, 0), array(b, 1)]
    const maybeTransposed = (x: JaxArray, transposed: boolean) => (transposed ? numpy.swapaxes(x, -1, -2) : x)
    const multiply = jit((x, y) => numpy.matmul(maybeTransposed(x!, transposeA), maybeTransposed(y!, transposeB)))
    let check: number[] = []
    const run = async () => {
      const [product, milliseconds] = await timed(() => multiply(left.ref, right.ref))
      if (check.length === 0) check = await means([product])
      product.dispose()
      return { '': milliseconds }
    }
    return {
      run,
      check: () => check,
      dispose: () => {
        left.dispose()
        right.dispose()
      },
    }
  }
  return { memory: residentMemory, works: { attention, matmul } }
}
