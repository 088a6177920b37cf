import { execFileSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import type { Engine, Start } from '../serve-peer.ts'
import { flopsPerRound, loops, memoryBytes } from './machine-loops.ts'
import { peersFolder } from './peers-folder.ts'

/** Argument of a loop, some milliseconds of work, and what it does in all: operations or bytes moved. */
const amounts: Readonly<Record<string, readonly [argument: number, total: number]>> = {
  fma: [2_000_000, 2_000_000 * flopsPerRound],
  read: [memoryBytes, memoryBytes],
  copy: [memoryBytes / 2, memoryBytes],
}

// JavaScript, because workers do not get the loader that runs TypeScript. Pages that nobody wrote are all one page of zeros: fill them
const instantiate = `(module, loop) => {
  const { exports } = new WebAssembly.Instance(module)
  new Uint8Array(exports.memory.buffer).fill(1)
  return exports[loop]
}`
const workerSource = `
const { parentPort, workerData: { module, variant, argument, words } } = require('node:worker_threads')
const loop = (${instantiate})(module, variant)
parentPort.postMessage('ready')
for (let round = 0; ; round++) {
  Atomics.wait(words, 0, round)
  loop(argument)
  Atomics.add(words, 1, 1)
}`

/** The machine's peaks, in 10⁹ a second: one of the loops on every thread at once. Each thread has a memory of its own. */
export const start: Start = async (variant, threads) => {
  if (variant === 'native') return engineOf(() => ({ rate: Number(execFileSync(`${peersFolder}native-peak`, { encoding: 'utf8' })) }))
  if (process.version.startsWith('v20.')) setFlagsFromString('--experimental-wasm-relaxed-simd')
  const module = new WebAssembly.Module(loops)
  const [argument, total] = amounts[variant]!
  const words = new Int32Array(new SharedArrayBuffer(8)) // rounds begun, threads done
  for (let thread = 1; thread < threads; thread++) {
    const worker = new Worker(workerSource, { eval: true, execArgv: [], workerData: { module, variant, argument, words } })
    await new Promise((resolve) => worker.once('message', resolve))
  }
  const makeLoop: (module: WebAssembly.Module, loop: string) => (argument: number) => number = new Function(`return ${instantiate}`)()
  const loop = makeLoop(module, variant)
  return engineOf(() => {
    const began = performance.now()
    Atomics.store(words, 1, 1)
    Atomics.add(words, 0, 1)
    Atomics.notify(words, 0)
    loop(argument)
    while (Atomics.load(words, 1) < threads) {}
    return { rate: (threads * total) / (performance.now() - began) / 1e6 }
  })
}

/** The same in every work, whatever its name. */
function engineOf(run: () => { rate: number }): Engine {
  const prepared = { run, check: () => [], dispose: () => {} }
  const works: Engine['works'] = new Proxy({}, { get: () => () => prepared })
  return { works, memory: { reset: () => {}, peak: () => 0 } }
}
