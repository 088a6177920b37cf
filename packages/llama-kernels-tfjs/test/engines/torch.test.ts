// The fused ops and their gradients on every engine, against PyTorch in float64.
import * as tf from '@tensorflow/tfjs-core'
import { clipByGlobalNorm, globalNorm, linearCrossEntropy, rmsNorm, rope, swiGlu } from 'llama-kernels-tfjs'
import { describe, expect, test } from 'vitest'
import { expectClose } from '../../../../test/support/close.ts'
import { engine } from '../../../../test/support/engine.ts'
import golden from '../golden/torch.json'

/** float32 sums of some dozen terms, and WGSL's exp, which may be off by 3 + 2·|x| units in the last place. */
const tolerance = { atol: 2e-5, rtol: 2e-5 }

interface Case {
  readonly inputs: Readonly<Record<string, { readonly shape: number[]; readonly values: number[] } | undefined>>
  readonly output: number[]
  readonly cotangent: number[]
  readonly gradients: Readonly<Record<string, number[] | undefined>>
}

const tensorOf = ({ inputs }: Pick<Case, 'inputs'>, name: string, dtype: 'float32' | 'int32' = 'float32') => {
  const { values, shape } = inputs[name]!
  return tf.tensor(values, shape, dtype)
}

/** Output of `f` and its gradients in the inputs named; nothing else stays alive. */
async function compare(kase: Case, names: readonly string[], f: (...tensors: tf.Tensor[]) => tf.Tensor): Promise<void> {
  const before = tf.memory().numTensors
  const results = tf.tidy(() => {
    const inputs = names.map((name) => tensorOf(kase, name))
    const output = f(...inputs)
    return [output, ...tf.grads(f)(inputs, tf.tensor(kase.cotangent, output.shape))]
  })
  const [output, ...gradients] = await Promise.all(results.map((tensor) => tensor.data()))
  tf.dispose(results)
  expectClose(output!, kase.output, tolerance)
  for (const [i, name] of names.entries()) expectClose(gradients[i]!, kase.gradients[name]!, tolerance)
  expect(tf.memory().numTensors).toBe(before)
}

describe(`${engine.name} equals PyTorch ${golden.torch}`, () => {
  test('rmsNorm', () => compare(golden.rmsNorm, ['x', 'weight'], (x, weight) => rmsNorm(x!, weight as tf.Tensor1D)))
  test('swiGlu', () => compare(golden.swiGlu, ['gate', 'up'], (gate, up) => swiGlu(gate!, up!)))

  test.each(golden.rope)('rope, $layout', async (kase) => {
    const tables = ['cos', 'sin'].map((name) => tensorOf(kase, name)) as tf.Tensor4D[]
    await compare(kase, ['x'], (x) => rope(x as tf.Tensor4D, tables[0]!, tables[1]!, { layout: kase.layout as 'half' }))
    tf.dispose(tables)
  })

  test.each(golden.linearCrossEntropy)('linearCrossEntropy, label smoothing $labelSmoothing, z-loss $zLoss', async (kase) => {
    const { labelSmoothing, zLoss } = kase
    const [targets, weights] = [tensorOf(kase, 'targets', 'int32') as tf.Tensor1D, tensorOf(kase, 'weights') as tf.Tensor1D]
    const f = (hidden: tf.Tensor | undefined, weight: tf.Tensor | undefined) =>
      linearCrossEntropy(hidden as tf.Tensor2D, weight as tf.Tensor2D, targets, weights, { labelSmoothing, zLoss })
    await compare(kase, ['hidden', 'weight'], f)
    tf.dispose([targets, weights])
  })

  test('linearCrossEntropy does not look at rows of weight 0', async () => {
    const kase = golden.linearCrossEntropy[1]!
    const weights = kase.inputs.weights.values
    const spoilt = kase.inputs.hidden.values.map((value, i) => (weights[Math.floor(i / 4)] === 0 ? Number.NaN : value))
    const inputs = { ...kase.inputs, hidden: { shape: kase.inputs.hidden.shape, values: spoilt } }
    const [targets, weights_N] = [tensorOf(kase, 'targets', 'int32') as tf.Tensor1D, tensorOf(kase, 'weights') as tf.Tensor1D]
    const f = (hidden: tf.Tensor | undefined, weight: tf.Tensor | undefined) =>
      linearCrossEntropy(hidden as tf.Tensor2D, weight as tf.Tensor2D, targets, weights_N)
    await compare({ ...kase, inputs }, ['hidden', 'weight'], f)
    tf.dispose([targets, weights_N])
  })

  test.each(golden.clip)('clipByGlobalNorm and globalNorm, at $maxNorm', async ({ maxNorm, norm, clipped, inputs }) => {
    const before = tf.memory().numTensors
    const tensors = Object.keys(inputs).map((name) => tensorOf({ inputs }, name))
    const result = clipByGlobalNorm(tensors, maxNorm)
    const alone = globalNorm(tensors)
    tf.dispose(tensors) // the results stand by themselves
    for (const [i, tensor] of result.clipped.entries()) expectClose(await tensor.data(), clipped[i]!, tolerance)
    expectClose([...(await result.norm.data()), ...(await alone.data())], [norm, norm], tolerance)
    tf.dispose([result.clipped, result.norm, alone])
    expect(tf.memory().numTensors).toBe(before)
  })

  test('the gradient of rope has a gradient', async () => {
    const kase = golden.rope[0]!
    const [x, cos, sin] = ['x', 'cos', 'sin'].map((name) => tensorOf(kase, name)) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
    const cubed = (a: tf.Tensor) => tf.sum(tf.pow(rope(a as tf.Tensor4D, cos, sin), tf.scalar(3)))
    const before = tf.memory().numTensors
    const twice = tf.tidy(() => tf.grad((a) => tf.sum(tf.grad(cubed)(a)))(x))
    // the slope of the gradient's sum along (1, 1, …) is that of a cubic's, so that differences are off by rounding alone
    const difference = async (step: number) => {
      const moved = tf.tidy(() => tf.sum(tf.grad(cubed)(tf.add(x, step) as tf.Tensor)))
      const [value] = await moved.data()
      moved.dispose()
      return value!
    }
    const slope = ((await difference(0.01)) - (await difference(-0.01))) / 0.02
    const sum = (await twice.data<'float32'>()).reduce((total, value) => total + value, 0)
    expectClose([sum], [slope], { rtol: 1e-2 })
    twice.dispose()
    expect(tf.memory().numTensors).toBe(before)
    tf.dispose([x, cos, sin])
  })
})

describe('errors come before anything is allocated', () => {
  const [x, cos] = [() => tf.zeros([1, 2, 1, 4]) as tf.Tensor4D, () => tf.zeros([1, 2, 1, 2]) as tf.Tensor4D]
  const disposed = () => {
    const tensor = tf.zeros([2, 2]) as tf.Tensor2D
    tensor.dispose()
    return tensor
  }
  const ids = () => tf.zeros([2], 'int32') as tf.Tensor1D
  const ones = () => tf.ones([2]) as tf.Tensor1D
  const square = () => tf.zeros([2, 2]) as tf.Tensor2D
  test.each<[() => unknown, string]>([
    [
      () => rope(tf.zeros([1, 2, 1, 3]) as tf.Tensor4D, cos(), cos()),
      'rope: x has shape [1,2,1,3]; it must be [B, T, H, D] with an even D.',
    ],
    [
      () => rope(x(), tf.zeros([1, 3, 1, 2]) as tf.Tensor4D, cos()),
      'rope: cos has shape [1,3,1,2]; for x [1,2,1,4] it must be [1 or 1, 2, 1, 2].',
    ],
    [() => rope(x(), cos(), cos(), { layout: 'whole' as 'half' }), "rope: layout is 'whole'; it must be 'half' or 'interleaved'."],
    [() => globalNorm([]), 'globalNorm: tensors is empty; pass at least one.'],
    [() => globalNorm([disposed()]), 'globalNorm: tensors[0] is already disposed; pass a live tensor.'],
    [() => clipByGlobalNorm([ones()], 0), 'clipByGlobalNorm: maxNorm is 0; it must be above 0. Usual: 1.'],
    [() => clipByGlobalNorm([ids()], 1), 'clipByGlobalNorm: tensors[0] is int32; it must be float32. Cast it with tf.cast(…).'],
    [() => linearCrossEntropy(square(), square(), ones(), ones()), 'linearCrossEntropy: targets is float32; it must be int32.'],
    [() => linearCrossEntropy(disposed(), square(), ids(), ones()), 'linearCrossEntropy: hidden is already disposed'],
    [() => linearCrossEntropy(square(), square(), ids(), ones(), { labelSmoothing: 1 }), 'labelSmoothing is 1; it must lie in [0, 1).'],
    [() => linearCrossEntropy(square(), square(), ids(), ones(), { zLoss: -1 }), 'zLoss is -1; it must be a finite number ≥ 0.'],
    [() => swiGlu(square(), disposed()), 'swiGlu: up is already disposed'],
    [() => rmsNorm(square(), ids()), 'rmsNorm: weight is int32; it must be float32.'],
  ])('%s', (call, message) => {
    tf.tidy(() => {
      expect(call).toThrow(message)
    })
  })
})
