import * as layout from './control.ts'
import type { WasmHeap } from './heap.ts'
import { nodeBuiltin } from './node.ts'
import { workerSource } from './worker-source.ts'

const { ARGS_OFFSET, BUSY, CODE_OFFSET, CONTROL_BYTES, DONE, ERROR, ERROR_LENGTH, ERROR_TEXT, FUNCTION, GENERATION } = layout
const { MAX_ARGS, MAX_MODULES, MAX_THREADS, MODULE, MODULE_TABLE, NUM_ARGS, NUM_MODULES, NUM_TASKS, SPINS, TASKS_LEFT } = layout

type Kernel = (task: number, thread: number, ...args: number[]) => unknown

/** Threads that work on one heap. The thread that calls `run` is number 0. */
export interface Pool {
  readonly threads: number
  /** Hands a compiled module's bytes to the workers; returns its number. */
  add(binary: Uint8Array): number
  /** Runs `kernel` (export number `kernelIndex` of module `moduleIndex`) for every task; blocks until all are done. */
  run(kernel: Kernel, moduleIndex: number, kernelIndex: number, numTasks: number, args: readonly number[]): void
  /** Ends the workers; whatever runs later runs on the caller's thread. */
  stop(): void
}

/** No task may take longer than this: in browsers nothing else tells of a worker that died while it held a task. */
const patienceMs = 180_000
/** How often a caller that waits looks whether the others live. */
const lookMs = 100

interface ThreadHandle {
  /** False once the thread has ended; known at once, while its event has to wait until the caller returns. */
  alive(): boolean
  stop(): void
}

export function startPool(heap: WasmHeap, threads: number): Pool {
  if (threads > MAX_THREADS) throw new RangeError(`wasm-heap-tfjs: threads is ${threads}; at most ${MAX_THREADS}.`)
  // a page that is not cross-origin isolated has no SharedArrayBuffer, and no second thread either
  const control = heap.shared ? new SharedArrayBuffer(CONTROL_BYTES) : new ArrayBuffer(CONTROL_BYTES)
  const words = new Int32Array(control)
  const argWords = new Float64Array(control, ARGS_OFFSET, MAX_ARGS)
  let codeEnd = CODE_OFFSET
  let failure: string | undefined

  let workers: ThreadHandle[] = []
  const stop = () => {
    for (const worker of workers) worker.stop()
    workers = []
  }
  const abandon = (reason: string) => {
    failure ??= reason
    stop()
  }
  for (let thread = 1; thread < threads; thread++) workers.push(startWorker({ memory: heap.memory, control, thread }, abandon))

  const wake = () => {
    Atomics.store(words, GENERATION, (words[GENERATION]! + 1) & 0x7fff_ffff)
    Atomics.notify(words, GENERATION)
  }
  const takeTask = () => Atomics.sub(words, TASKS_LEFT, 1)
  const raise = (reason: string): never => {
    throw new Error(`a kernel thread failed: ${reason}. Its results are lost; later kernels run on one thread.`)
  }

  return {
    get threads() {
      return workers.length + 1
    },
    add(binary) {
      const index = words[NUM_MODULES]!
      if (index >= MAX_MODULES || codeEnd + binary.length > CONTROL_BYTES) {
        throw new RangeError(`wasm-heap-tfjs: module ${index} of ${binary.length} bytes exceeds the pool's ${CONTROL_BYTES} bytes of code.`)
      }
      new Uint8Array(control, codeEnd, binary.length).set(binary)
      words[MODULE_TABLE + 2 * index] = codeEnd
      words[MODULE_TABLE + 2 * index + 1] = binary.length
      codeEnd += Math.ceil(binary.length / 8) * 8
      Atomics.store(words, NUM_MODULES, index + 1)
      wake() // workers compile it while the caller does something else
      return index
    },
    run(kernel, moduleIndex, kernelIndex, numTasks, args) {
      if (failure !== undefined) {
        const reason = failure
        failure = undefined
        raise(reason)
      }
      if (workers.length === 0 || numTasks === 1) {
        for (let task = 0; task < numTasks; task++) kernel(task, 0, ...args)
        return
      }
      if (args.length > MAX_ARGS) throw new RangeError(`wasm-heap-tfjs: ${args.length} arguments; at most ${MAX_ARGS}.`)
      argWords.set(args)
      words[NUM_ARGS] = args.length
      words[NUM_TASKS] = numTasks
      words[MODULE] = moduleIndex
      words[FUNCTION] = kernelIndex
      words[ERROR] = 0
      Atomics.store(words, DONE, 0)
      Atomics.store(words, TASKS_LEFT, numTasks) // the call is open
      wake()
      let thrown: unknown
      for (let left = takeTask(); left > 0; left = takeTask()) {
        try {
          kernel(numTasks - left, 0, ...args)
        } catch (error) {
          thrown ??= error
        }
        Atomics.add(words, DONE, 1)
      }
      const lost = waitForDone(words, numTasks, workers)
      if (lost !== undefined) {
        abandon(lost)
        failure = undefined
        raise(lost)
      }
      if (thrown !== undefined) throw thrown
      if (Atomics.load(words, ERROR) !== 0) {
        const text = new Uint8Array(new Uint8Array(control, ERROR_TEXT, words[ERROR_LENGTH]!))
        throw new Error(`a kernel failed in a thread: ${new TextDecoder().decode(text)}`)
      }
    },
    stop,
  }
}

/** A browser's main thread may not sleep; it spins for the last task's rest. */
const maySleep = typeof document === 'undefined'

/** Waits for the tasks of other threads; returns why they will never be done, if so. */
function waitForDone(words: Int32Array, numTasks: number, workers: readonly ThreadHandle[]): string | undefined {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, DONE) === numTasks) return
  let done = Atomics.load(words, DONE)
  let deadline = Date.now() + patienceMs
  while (done !== numTasks) {
    if (maySleep) Atomics.wait(words, DONE, done, lookMs)
    const dead = diedAtWork(words, workers)
    const now = Atomics.load(words, DONE)
    if (now !== done) deadline = Date.now() + patienceMs
    else if (dead !== undefined) return `thread ${dead} died at its work`
    else if (Date.now() > deadline) return `no task finished for ${patienceMs / 1000} s`
    done = now
  }
}

/** A thread that died while it held a task, once no living one is at work: nobody writes to the tensors any more, and no task gets done. */
function diedAtWork(words: Int32Array, workers: readonly ThreadHandle[]): number | undefined {
  let dead: number | undefined
  for (const [index, worker] of workers.entries()) {
    if (Atomics.load(words, BUSY + index + 1) === 0) continue
    if (worker.alive()) return
    dead = index + 1
  }
  return dead
}

/** Starts a worker that keeps no program alive. `onFailure` hears of any end that was not asked for. */
function startWorker(data: object, onFailure: (reason: string) => void): ThreadHandle {
  const threads = nodeBuiltin('worker_threads')
  if (threads) {
    // no execArgv: loaders of the program (tsx, coverage) would only slow the start down
    const worker = new threads.Worker(workerSource, { eval: true, workerData: data, execArgv: [] })
    let asked = false
    worker.unref()
    // Node can tell of the end only after it was asked once while the thread lived; before that it is patience
    worker.on('online', () => worker.performance.eventLoopUtilization())
    worker.on('error', (error) => asked || onFailure(error.message))
    worker.on('exit', (code) => asked || onFailure(`it ended with code ${code}`))
    return {
      alive: () => worker.performance.eventLoopUtilization().idle >= 0, // −1 from a thread without an event loop
      stop() {
        asked = true
        void worker.terminate()
      },
    }
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onerror = ({ message }) => onFailure(message ?? 'the browser did not start it') // no message where a policy forbids it
  worker.postMessage(data)
  return { alive: () => true, stop: () => worker.terminate() }
}
