/** A peer in Node: `serve-peer.ts MODULE VARIANT THREADS` answers the requests of peer-process.ts for the works of one module. */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Answer, Request } from './peer-process.ts'
import { median, type Parts } from './row.ts'

/** A case that is ready to run. */
export interface Prepared {
  run(): Parts | Promise<Parts>
  /** A few numbers of the result, after a run. */
  check(): readonly number[]
  dispose(): void
}
/** What a module exports as `start`. */
export interface Engine {
  readonly works: Readonly<Record<string, (input: never) => Prepared | Promise<Prepared>>>
  /** The most memory held since `resetMemory`. */
  readonly memory: { reset(): void; peak(): number }
}
export type Start = (variant: string, threads: number) => Promise<Engine>

const modules: Readonly<Record<string, () => Promise<{ start: Start }>>> = {
  machine: () => import('./peers/machine.ts'),
  tfjs: () => import('./peers/tfjs.ts'),
  onnx: () => import('./peers/onnx.ts'),
  'onnx-web': () => import('./peers/onnx-web.ts'),
  'llama-cpp': () => import('./peers/llama-cpp.ts'),
  'jax-js': () => import('./peers/jax-js.ts'),
  nanogpt: () => import('./peers/nanogpt.ts'),
  packing: () => import('./peers/packing.ts'),
  text: () => import('./peers/text.ts'),
  dedupe: () => import('./peers/dedupe.ts'),
  files: () => import('./peers/files.ts'),
  throughput: () => import('./peers/throughput.ts'),
}
const warmUpMs = 300 // V8 and others optimise while they run
const longMs = 15_000 // a first run as long as this counts: compiling is a small part of it

const [moduleName = '', variant = '', threads = '1'] = process.argv.slice(2)
const { start } = await modules[moduleName]!()
const engine = await start(variant, Number(threads))
let prepared: Prepared | undefined

const answer = async (request: Request): Promise<Answer> => {
  if ('prepare' in request) {
    prepared?.dispose()
    prepared = undefined
    const work = engine.works[request.prepare]
    if (!work) return { note: 'not there' }
    engine.memory.reset()
    prepared = await work(request.input as never)
    const began = performance.now()
    let warm: Parts
    do warm = await prepared.run()
    while (performance.now() - began < warmUpMs)
    return { check: prepared.check(), ...(performance.now() - began < longMs ? {} : { warm }) }
  }
  if (!prepared) return { note: 'no case is prepared' }
  if ('finish' in request) {
    prepared.dispose()
    prepared = undefined
    return { peakBytes: engine.memory.peak() }
  }
  const runs: Parts[] = []
  const began = performance.now()
  do runs.push(await prepared.run())
  while (performance.now() - began < request.sample)
  const parts = Object.keys(runs[0]!)
  return { median: Object.fromEntries(parts.map((part) => [part, median(runs.map((run) => run[part]!))])) }
}

for await (const line of createInterface(process.stdin)) {
  const reply = await answer(JSON.parse(line)).catch((error: Error): Answer => ({ note: noteOf(error) }))
  writeSync(3, `${JSON.stringify(reply)}\n`)
}
process.exit() // the threads of TensorFlow and others would keep it alive

function noteOf({ message }: Error): string {
  return /memory|heap|alloc|exceeds|too large|Invalid (typed )?array/i.test(message) ? `does not fit: ${message}` : `fails: ${message}`
}
