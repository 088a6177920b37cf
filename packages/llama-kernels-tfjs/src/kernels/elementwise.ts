import { expectShape, input, type Kernel, produce, sizeOf } from '../context.ts'

const block = 2 ** 15 // elements per task: 128 KiB of each array

/** `SwiGLU`: y = silu(gate)·up. */
export const swiGlu: Kernel = ({ heap, kernels, table }, inputs) => {
  const gate = input('SwiGLU', inputs, 'gate')
  const up = input('SwiGLU', inputs, 'up')
  expectShape('SwiGLU', 'up', up, gate.shape)
  const size = sizeOf(gate.shape)
  return produce(heap, [gate.shape], (y) => {
    kernels.run('swiGlu', Math.ceil(size / block), [heap.address(gate), heap.address(up), y!, size, block, table])
  })[0]!
}

/** `SwiGLUGrad`: dGate, dUp. */
export const swiGluGrad: Kernel = ({ heap, kernels, table }, inputs) => {
  const [gate, up, dy] = (['gate', 'up', 'dy'] as const).map((name) => input('SwiGLUGrad', inputs, name)) as [Info, Info, Info]
  expectShape('SwiGLUGrad', 'up', up, gate.shape)
  expectShape('SwiGLUGrad', 'dy', dy, gate.shape)
  const size = sizeOf(gate.shape)
  return produce(heap, [gate.shape, gate.shape], (dGate, dUp) => {
    const arrays = [gate, up, dy].map(heap.address)
    kernels.run('swiGluGrad', Math.ceil(size / block), [...arrays, dGate!, dUp!, size, block, table])
  })
}

interface AdamAttrs {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly step: number
  readonly gradientScale?: number
}

/** `AdamWStep`: param', moment1', moment2'. */
export const adamWStep: Kernel = ({ heap, kernels }, inputs, attrs) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale = 1 } = attrs as unknown as AdamAttrs
  const names = ['param', 'grad', 'moment1', 'moment2'] as const
  const tensors = names.map((name) => input('AdamWStep', inputs, name))
  const { shape } = tensors[0]!
  for (const [i, tensor] of tensors.entries()) expectShape('AdamWStep', names[i]!, tensor, shape)
  const size = sizeOf(shape)
  const stepSize = learningRate / (1 - beta1 ** step)
  const inverseRoot = 1 / Math.sqrt(1 - beta2 ** step)
  return produce(heap, [shape, shape, shape], (...outputs) => {
    const scalars = [gradientScale, beta1, 1 - beta1, beta2, 1 - beta2, 1 - learningRate * weightDecay, stepSize, inverseRoot, epsilon]
    kernels.run('adamW', Math.ceil(size / block), [...tensors.map(heap.address), ...outputs, size, block, ...scalars])
  })
}

type Info = ReturnType<typeof input>
