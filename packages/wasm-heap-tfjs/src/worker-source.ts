import * as layout from './control.ts'

const { GENERATION, TASKS_LEFT, DONE, NUM_TASKS, MODULE, FUNCTION, NUM_ARGS, ERROR, ERROR_LENGTH } = layout
const { NUM_MODULES, MODULE_TABLE, ARGS_OFFSET, MAX_ARGS, ERROR_TEXT, MAX_ERROR, WORKER_SPINS, BUSY } = layout

/**
 * The program of a worker, as text: the same for Node (`eval`) and browsers (blob), without imports. A worker only ever touches the
 * heap through a kernel, while it holds a task; between calls it sleeps.
 */
export const workerSource = `'use strict'
function start({ memory, control, thread }) {
  const words = new Int32Array(control)
  const args = new Float64Array(control, ${ARGS_OFFSET}, ${MAX_ARGS})
  const modules = []

  function loadModules() {
    for (let k = modules.length; k < Atomics.load(words, ${NUM_MODULES}); k++) {
      const offset = words[${MODULE_TABLE} + 2 * k], length = words[${MODULE_TABLE} + 2 * k + 1]
      const bytes = new Uint8Array(new Uint8Array(control, offset, length)) // a private copy: shared bytes cannot be compiled
      modules[k] = Object.values(new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports)
    }
  }

  function report(error) {
    const text = new TextEncoder().encode(String(error)).subarray(0, ${MAX_ERROR})
    new Uint8Array(control, ${ERROR_TEXT}, ${MAX_ERROR}).set(text)
    words[${ERROR_LENGTH}] = text.length
    Atomics.store(words, ${ERROR}, 1)
  }

  function work() {
    for (;;) {
      const left = Atomics.sub(words, ${TASKS_LEFT}, 1)
      if (left <= 0) return
      // a task in hand keeps the call open: only now may the call be read
      const numTasks = words[${NUM_TASKS}], task = numTasks - left
      try {
        if (modules.length <= words[${MODULE}]) loadModules()
        modules[words[${MODULE}]][words[${FUNCTION}]](task, thread, ...args.subarray(0, words[${NUM_ARGS}]))
      } catch (error) {
        report(error)
      }
      if (Atomics.add(words, ${DONE}, 1) + 1 === numTasks) Atomics.notify(words, ${DONE})
    }
  }

  let generation = 0
  for (;;) {
    for (let spin = 0; spin < ${WORKER_SPINS} && Atomics.load(words, ${GENERATION}) === generation; spin++);
    Atomics.wait(words, ${GENERATION}, generation)
    generation = Atomics.load(words, ${GENERATION})
    if (generation < 0) return
    try {
      loadModules()
    } catch {
      // reported by the task that needs the module
    }
    Atomics.store(words, ${BUSY} + thread, 1)
    work()
    Atomics.store(words, ${BUSY} + thread, 0)
  }
}
if (typeof process === 'object' && typeof require === 'function') start(require('node:worker_threads').workerData)
else self.onmessage = ({ data }) => start(data)
`
