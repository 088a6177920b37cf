/**
 * The kernels of llama-kernels-tfjs against the same tfjs operations on stock tfjs-wasm: matrix products in every form and the fused
 * pieces of a Llama. Same process, same backend, same tensors: the kernels are registered and unregistered around each measurement.
 * Medians. Whole training steps: step.ts.
 */
import * as tf from '@tensorflow/tfjs'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import { adamwStep, linearCrossEntropy, registerTrainingKernels, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { shareWasmHeap } from 'wasm-heap-tfjs'

const threadCounts = [1, 2]
const forms = { A·B: [false, false], A·Bᵀ: [false, true], Aᵀ·B: [true, false] } as const
const products: readonly (readonly [number[], number, number, number])[] = [
  [[], 1024, 1024, 1024],
  [[], 2048, 128, 128], // attention projections of the recipe's model
  [[], 2048, 512, 128], // its MLP
  [[], 2048, 2048, 128], // its output layer
  [[], 512, 32000, 256],
  [[8], 512, 512, 64],
]
async function bench(): Promise<void> {
  const shared = await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  console.log(
    `kernels on tfjs-wasm ${wasm.version_wasm}, heap ${shared ? 'shared' : 'not shared'}; × = times as fast as stock, in this run`,
  )
  console.log(row(['matrix product', 'stock', ...threadCounts.flatMap((threads) => [`${threads} thread(s)`, '×'])], 'GFLOP/s'))
  for (const [batch, rows, cols, depth] of products)
    for (const [form, [transposeA, transposeB]] of Object.entries(forms)) {
      const a = tf.randomNormal([...batch, ...(transposeA ? [depth, rows] : [rows, depth])])
      const b = tf.randomNormal([...batch, ...(transposeB ? [cols, depth] : [depth, cols])])
      const gigaflop = (2 * (batch[0] ?? 1) * rows * cols * depth) / 1e9
      const times = compare(() => tf.matMul(a, b, transposeA, transposeB))
      const size = [...batch, `${rows} × ${cols} × ${depth}`].join(' of ')
      console.log(row([`${form}  ${size}`, ...ratios(times, (ms) => ((gigaflop / ms) * 1e3).toFixed(1))]))
      tf.dispose([a, b])
    }
  console.log(row(['fused, forward + backward', 'composed', ...threadCounts.flatMap((threads) => [`${threads} thread(s)`, '×'])], 'ms'))
  for (const [name, run] of Object.entries(fusedRuns())) {
    console.log(row([name, ...ratios(compare(run), (ms) => ms.toFixed(1))]))
  }
}

/** Runs with gradients; the ops compose themselves where their kernel is missing. */
function fusedRuns(): Record<string, () => tf.TensorContainer> {
  const x = tf.randomNormal([1024, 2048])
  const y = tf.randomNormal([1024, 2048])
  const scale = tf.ones<tf.Rank.R1>([2048])
  const hidden = tf.randomNormal<tf.Rank.R2>([2048, 128])
  const weight = tf.randomNormal<tf.Rank.R2>([2048, 128])
  const big = tf.randomNormal<tf.Rank.R2>([8192, 128])
  const targets = tf.tensor1d(
    Int32Array.from({ length: 2048 }, (_, i) => (i * 7919) % 2048),
    'int32',
  )
  const all = tf.ones<tf.Rank.R1>([2048])
  const crossEntropy = (head: tf.Tensor2D) => () =>
    tf.grads((a, b) => linearCrossEntropy(a as tf.Tensor2D, b as tf.Tensor2D, targets, all))([hidden, head])
  const params = [0, 1, 2, 3].map(() => tf.abs(tf.randomNormal([4_000_000]))) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const [param, grad, moment1, moment2] = params
  return {
    'rmsNorm [1024, 2048]': () => tf.grads((a, b) => rmsNorm(a, b as tf.Tensor1D))([x, scale], y),
    'swiGlu [1024, 2048]': () => tf.grads(swiGlu)([x, y], x),
    'linearCrossEntropy N 2048, C 128, V 2048': crossEntropy(weight),
    'linearCrossEntropy N 2048, C 128, V 8192': crossEntropy(big),
    'adamwStep, 4 M parameters': () => ({ ...adamwStep({ param, grad, moment1, moment2 }, { learningRate: 1e-3, step: 10 }) }),
    'gather [2048 of 8192, 128]': () => tf.gather(big, targets),
  }
}

/** Medians in ms: stock first (with the gradient of gather, without which nothing trains), then ours by number of threads. */
function compare(run: () => tf.TensorContainer): number[] {
  const stock = registerTrainingKernels({ only: ['UnsortedSegmentSum'] })
  const tidied = () => tf.tidy(run)
  const times = [median(tidied)]
  stock.unregister()
  for (const threads of threadCounts) {
    const kernels = registerTrainingKernels({ threads })
    times.push(median(tidied))
    kernels.unregister()
  }
  return times
}

function median(run: () => tf.TensorContainer, warmUps = 3): number {
  const times: number[] = []
  const start = performance.now()
  while (times.length <= warmUps || (times.length < 15 && performance.now() - start < 1500)) {
    const began = performance.now()
    const result = run()
    times.push(performance.now() - began)
    tf.dispose(result as tf.TensorContainer)
    if (performance.now() - start > 10_000) break
  }
  const warm = times.slice(Math.min(warmUps, times.length - 1)).sort((a, b) => a - b)
  return warm[warm.length >> 1] as number
}

const ratios = ([stock, ...ours]: number[], format: (ms: number) => string) => [
  format(stock!),
  ...ours.flatMap((ms) => [format(ms), (stock! / ms).toFixed(1)]),
]

const row = ([name, ...cells]: readonly string[], unit = '') =>
  `${`${name}${unit && `, ${unit}`}`.padEnd(46)}${cells.map((cell) => cell.padStart(13)).join('')}`

await bench()
