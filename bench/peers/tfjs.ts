import * as tf from '@tensorflow/tfjs'
import { startTfjsNode } from '../../test/support/tfjs-node.ts'
import type { Engine, Prepared, Start } from '../serve-peer.ts'
import { residentMemory, watchHeap } from './memory.ts'
import { bestWritten, flash, naive } from './tfjs/attend.ts'
import { prepareAttention } from './tfjs/attention.ts'
import { prepareCheckpoint } from './tfjs/checkpoint.ts'
import { prepareDecode } from './tfjs/decode.ts'
import { prepareFit } from './tfjs/fit.ts'
import { preparePrefill, prepareToken } from './tfjs/generate.ts'
import { prepareKernel } from './tfjs/kernels.ts'
import { prepareLora } from './tfjs/lora.ts'
import { prepareMatMul } from './tfjs/matmul.ts'
import { prepareStep } from './tfjs/step.ts'
import { prepareAdam, prepareHeap, prepareOverhead, prepareRecomputed } from './tfjs/train.ts'

/** `wasm ours`, `wasm plain`, `wasm stock`, `wasm best`, `wasm composed`, `node naive`, `node ours`, `webgpu naive`, `webgpu ours`. */
export const start: Start = async (variant, threads) => {
  const [engine, form = ''] = variant.split(' ')
  const { memory, register } = await startBackend(engine!, form, threads)
  let registered = false
  const registerOnce = () => {
    if (!registered) register()
    registered = true
  }
  const ours = form === 'ours' || form === 'plain' || form === 'composed'
  const attention = ours ? flash : form === 'best' ? bestWritten : naive
  /** Kernels are registered with the first case, so that a case can measure it. */
  const withKernels =
    <Input>(prepare: (input: Input) => Prepared | Promise<Prepared>) =>
    (input: Input) => {
      registerOnce()
      return prepare(input)
    }
  return {
    memory,
    works: {
      attention: withKernels((input) => prepareAttention(attention, input)),
      matmul: withKernels(prepareMatMul),
      step: withKernels((input) => prepareStep(ours ? 'llama-model' : 'naive', input)),
      lora: withKernels(prepareLora),
      adam: withKernels((input) => (ours ? prepareStep('llama-model', input) : prepareAdam(input))),
      overhead: withKernels(prepareOverhead),
      recomputed: withKernels(prepareRecomputed),
      heap: withKernels(prepareHeap),
      checkpoint: withKernels(prepareCheckpoint),
      decode: withKernels((input) => prepareDecode(ours ? 'flash' : 'naive', input)),
      kernels: withKernels(prepareKernel),
      fit: withKernels(prepareFit),
      prefill: withKernels(preparePrefill),
      token: withKernels(prepareToken),
      'first attention': (input) => firstCall(registerOnce, () => prepareAttention(attention, input)),
      'first matmul': (input) => firstCall(registerOnce, () => prepareMatMul(input)),
    },
  }
}

/** The first call in a process: registering the kernels, which compiles them, and one run. Every later run says the same. */
function firstCall(register: () => void, prepare: () => Prepared): Prepared {
  const prepared = prepare()
  let first: number | undefined
  return {
    ...prepared,
    async run() {
      const began = performance.now()
      register()
      const registration = performance.now() - began
      const parts = await prepared.run()
      first ??= registration + (parts.forward ?? parts['']!)
      return { '': first }
    },
  }
}

async function startBackend(engine: string, form: string, threads: number): Promise<Pick<Engine, 'memory'> & { register: () => void }> {
  const ours = form === 'ours' || form === 'plain'
  if (engine === 'node') {
    if (!(await startTfjsNode())) throw new Error('tfjs-node is not installed; run bench/setup-peers tfjs-node')
    if (!ours) return { memory: residentMemory, register: () => {} }
    const { registerFlashAttention } = await import('flash-attn-tfjs/node')
    return { memory: residentMemory, register: () => registerFlashAttention({ threads }) }
  }
  if (engine === 'webgpu') {
    const { startDawn } = await import('../../test/support/dawn.ts')
    await startDawn('webgpu', ['subgroups'])
    if (!ours) return { memory: residentMemory, register: () => {} }
    const { registerFlashAttention } = await import('flash-attn-tfjs/webgpu')
    return { memory: residentMemory, register: () => registerFlashAttention() }
  }
  const wasm = await import('@tensorflow/tfjs-backend-wasm')
  const { shareWasmHeap } = await import('wasm-heap-tfjs')
  const { registerFlashAttention } = await import('flash-attn-tfjs/wasm')
  const { registerTrainingKernels } = await import('llama-kernels-tfjs')
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  const memory = watchHeap(Reflect.get(tf.backend(), 'wasm'))
  const register = () => {
    const options = { threads, simd: form === 'plain' ? ('simd' as const) : ('auto' as const) }
    // stock tfjs-wasm cannot train an embedding: it gets the one kernel it lacks
    registerTrainingKernels(ours ? options : { only: ['UnsortedSegmentSum'], threads: 1 })
    if (ours) registerFlashAttention(options)
  }
  return { memory, register }
}
