// 10,000 calls of every op on a shared heap and two threads, in the build that the argument names; prints what grew between the first hundred and the last, and what the ops gave.
import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import { flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import {
  adamwStep,
  clipByGlobalNorm,
  globalNorm,
  linearCrossEntropy,
  registerTrainingKernels,
  rmsNorm,
  rope,
  swiGlu,
} from 'llama-kernels-tfjs'
import { shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'

await shareWasmHeap(wasm)
await tf.setBackend('wasm')
const simd = process.argv[2] === 'simd' ? 'simd' : 'relaxed'
registerFlashAttention({ threads: 2, simd })
registerTrainingKernels({ threads: 2, simd })

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed)
const query = normal([1, 16, 2, 8], 1)
const last = normal([1, 1, 2, 8], 2)
const hidden = normal([8, 16], 3)
const weight = normal([24, 16], 4)
const scale = normal([16], 5) as tf.Tensor1D
const targets = tf.tensor1d([0, 3, 7, 23, 9, 9, 1, 2], 'int32')
const weights = tf.ones([8]) as tf.Tensor1D
const variance = tf.square(weight)
const [cos, sin] = [normal([1, 16, 1, 4], 6), normal([1, 16, 1, 4], 7)] as [tf.Tensor4D, tf.Tensor4D]
const causal = { causal: true }
const attend = (q: tf.Tensor) => flashAttention(q as tf.Tensor4D, query as tf.Tensor4D, query as tf.Tensor4D, causal)

const ops: Record<string, () => tf.Tensor> = {
  attention: () => attend(query),
  'attention, gradient': () => tf.grad(attend)(query),
  decode: () => attend(last),
  product: () => tf.matMul(hidden, weight, false, true),
  'product, gradient': () => tf.grad((w) => tf.matMul(hidden, w, false, true))(weight),
  'gather, gradient': () => tf.grad((w) => tf.gather(w, targets))(weight),
  rmsNorm: () => rmsNorm(hidden, scale),
  swiGlu: () => swiGlu(hidden, hidden),
  'rope, gradient': () => tf.grad((x) => rope(x as tf.Tensor4D, cos, sin))(query),
  globalNorm: () => globalNorm([query, hidden, weight]),
  clipByGlobalNorm: () => tf.tidy(() => clipByGlobalNorm([query, hidden, weight], 1).clipped[1]!),
  'cross-entropy, gradient': () => tf.grad((h) => linearCrossEntropy(h as tf.Tensor2D, weight as tf.Tensor2D, targets, weights))(hidden),
  adamwStep: () =>
    tf.tidy(() => adamwStep({ param: weight, grad: weight, moment1: weight, moment2: variance }, { learningRate: 0.1, step: 2 }).param),
}

const { memory } = wasmHeap(tf.backend())
const state = () => ({ tensors: tf.memory().numTensors, heap: memory.buffer.byteLength })
const grown: Record<string, object> = {}
const hash = createHash('sha256')
for (const [name, op] of Object.entries(ops)) {
  const call = () => tf.dispose(op())
  for (let i = 0; i < 100; i++) call()
  const before = state()
  for (let i = 0; i < 10_000; i++) call()
  const after = state()
  if (JSON.stringify(after) !== JSON.stringify(before)) grown[name] = { before, after }
  const result = op()
  hash.update(new Uint8Array(result.dataSync().slice().buffer))
  tf.dispose(result)
}
console.log(JSON.stringify({ grown, sha256: hash.digest('hex') }))
