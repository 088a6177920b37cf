import { expectShape, input, type Kernel, produce, sizeOf, withScratch } from '../context.ts'

/** Rows per task: about 32,768 elements, and at most 64 tasks, whose partial sums the gradient of the weight adds up. */
const cutRows = (rows: number, columns: number) => {
  const rowsPerTask = Math.max(1, Math.ceil(2 ** 15 / columns), Math.ceil(rows / 64))
  return { rowsPerTask, tasks: Math.ceil(rows / rowsPerTask) }
}

/** `RMSNorm`: y, inverseRms [rows]. */
export const rmsNorm: Kernel = ({ heap, kernels }, inputs, attrs) => {
  const x = input('RMSNorm', inputs, 'x')
  const weight = input('RMSNorm', inputs, 'weight')
  const columns = x.shape.at(-1) ?? 1
  expectShape('RMSNorm', 'weight', weight, [columns])
  const rows = sizeOf(x.shape.slice(0, -1))
  const { rowsPerTask, tasks } = cutRows(rows, columns)
  return produce(heap, [x.shape, [rows]], (y, inverse) => {
    const { epsilon } = attrs as unknown as { readonly epsilon: number }
    kernels.run('rmsNorm', tasks, [heap.address(x), heap.address(weight), y!, inverse!, rows, columns, rowsPerTask, epsilon])
  })
}

/** `RMSNormGrad`: dx, dWeight. */
export const rmsNormGrad: Kernel = ({ heap, kernels }, inputs) => {
  const [x, weight, inverse, dy] = ['x', 'weight', 'inverseRms', 'dy'].map((name) => input('RMSNormGrad', inputs, name))
  const columns = x!.shape.at(-1) ?? 1
  const rows = sizeOf(x!.shape.slice(0, -1))
  expectShape('RMSNormGrad', 'weight', weight!, [columns])
  expectShape('RMSNormGrad', 'inverseRms', inverse!, [rows])
  expectShape('RMSNormGrad', 'dy', dy!, x!.shape)
  const { rowsPerTask, tasks } = cutRows(rows, columns)
  return produce(heap, [x!.shape, [columns]], (dx, dWeight) => {
    withScratch(heap, Math.max(1, tasks) * columns * 4, (partial) => {
      const arrays = [x!, weight!, inverse!, dy!].map(heap.address)
      if (tasks === 0) new Float32Array(heap.memory.buffer, partial, columns).fill(0)
      kernels.run('rmsNormGrad', tasks, [...arrays, dx!, partial, rows, columns, rowsPerTask])
      kernels.exports.sumRows!(partial, tasks, columns, dWeight!)
    })
  })
}
