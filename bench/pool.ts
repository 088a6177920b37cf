/**
 * Dispatch latency and scaling of wasm-heap-tfjs's pool, medians: `npx tsx --conditions=@repo/source bench/pool.ts`. Its tasks compute on
 * registers and write one number each, on cache lines of their own: what is measured is the pool alone.
 */
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { loadKernels, shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'

// export function spin(task: i32, thread: i32, base: usize, rounds: i32): void { let x: f32 = 1; for (let i = 0; i < rounds; i++) x = x * 0.999 + 0.5; store<f32>(base + 256 * task, x); }
// by `asc -O3 --noAssert --runtime stub --importMemory --noExportMemory --maximumMemory 65536` (AssemblyScript 0.28.20)
const spin =
  'AGFzbQEAAAABCAFgBH9/f38AAhIBA2VudgZtZW1vcnkCAQCAgAQDAgEABwgBBHNwaW4AAApAAT4CAX0Bf0MAAIA/IQQDQCADIAVKBEAgBEN3vn8/lEMAAAA/kiEEIAVBAWohBQwBCwsgAiAAQQh0aiAEOAIACw=='

await shareWasmHeap(wasm)
await tf.setBackend('wasm')
const heap = wasmHeap(tf.backend())
const base = heap.allocate(2 ** 16)
const load = (threads: number) => loadKernels(heap, { simd: spin, relaxedSimd: spin }, { threads })
const [one, two] = [load(1), load(2)]
await new Promise((resolve) => setTimeout(resolve, 500)) // workers start

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
function microseconds(body: () => void): number {
  const start = performance.now()
  body()
  return 1000 * (performance.now() - start)
}
const repeat = (times: number, body: () => number) => median(Array.from({ length: times }, body))
const pause = () => new Promise((resolve) => setTimeout(resolve, 2))

const call = (kernels: typeof one) => () => microseconds(() => kernels.run('spin', 2, [base, 1]))
for (let i = 0; i < 20_000; i++) two.run('spin', 2, [base, 1]) // V8 compiles
console.log(`2 tasks: 1 thread ${repeat(5000, call(one)).toFixed(1)} µs, 2 threads awake ${repeat(5000, call(two)).toFixed(1)} µs`)
const asleep: number[] = []
for (let i = 0; i < 500; i++) {
  await pause()
  asleep.push(call(two)())
}
console.log(`2 tasks after a pause of 2 ms: 2 threads asleep ${median(asleep).toFixed(1)} µs`)

for (const rounds of [500, 2_000, 10_000, 50_000]) {
  const chain = (kernels: typeof one) => () => microseconds(() => kernels.run('spin', 16, [base, rounds]))
  const pairs = Array.from({ length: Math.ceil(1e6 / rounds) }, () => [chain(one)(), chain(two)()] as const)
  const [alone, together] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))]
  console.log(`16 tasks, ${alone.toFixed(0)} µs on 1 thread: 2 threads ${together.toFixed(0)} µs, ${(alone / together).toFixed(2)}×`)
}
