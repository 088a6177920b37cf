// A process of its own: runs all tests that tfjs-core ships on tfjs-backend-wasm and sends its parent how each ended. Its argument says
// with which kernels: null for tfjs's own, or options of registerTrainingKernels.
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js'
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js'
import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import jasmineCore from 'jasmine-core'
import { type KernelOptions, registerTrainingKernels } from 'llama-kernels-tfjs'
import { shareWasmHeap } from 'wasm-heap-tfjs'

/** How one test ended. Several have the same name; the order is always the same. */
export interface Spec {
  readonly name: string
  readonly status: string
  readonly message: string
}

const [argument = '', wasmFolder = ''] = process.argv.slice(2)
const options: KernelOptions | null = JSON.parse(argument)
wasm.setWasmPaths(wasmFolder)
if (options?.threads !== 1) await shareWasmHeap(wasm)
await tf.setBackend('wasm')
if (options) registerTrainingKernels(options)

// every group of tests resets the engine, which would take away the backend that the kernels are registered for
const engine = tf.engine()
engine.reset = () => engine.disposeVariables()

const env = jasmineCore.boot().getEnv()
env.configure({ random: false, forbidDuplicateNames: false })
setTestEnvs([{ name: 'wasm', backendName: 'wasm', isDataSync: true }])
await import('@tensorflow/tfjs-core/dist/tests.js')

const specs: Spec[] = []
env.addReporter({
  specDone: ({ fullName, status, failedExpectations }) =>
    void specs.push({ name: fullName, status, message: failedExpectations[0]?.message ?? '' }),
})
await env.execute()
process.send?.(specs, () => process.exit()) // some tests leave timers behind
