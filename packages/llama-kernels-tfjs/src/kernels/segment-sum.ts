import { input, type Kernel, sizeOf } from '../context.ts'

const columnsPerTask = 64

/** `UnsortedSegmentSum`, the gradient of `tf.gather`: tfjs-wasm has none, so embeddings cannot be trained on it as it ships. */
export const unsortedSegmentSum: Kernel = ({ heap, kernels }, inputs, attrs, stock) => {
  const x = inputs.x
  const numSegments = (attrs as unknown as { readonly numSegments: number }).numSegments
  if (x?.dtype !== 'float32' && x?.dtype !== 'int32') return stock(inputs, attrs)
  const ids = input('UnsortedSegmentSum', inputs, 'segmentIds', 'int32')
  const rows = sizeOf(ids.shape)
  const inner = x.shape.slice(ids.shape.length)
  const columns = sizeOf(inner)
  if (rows * columns !== sizeOf(x.shape)) {
    throw new RangeError(`unsortedSegmentSum: x has shape [${x.shape}] and segmentIds [${ids.shape}]; x must start with it.`)
  }
  const output = heap.makeOutput([numSegments, ...inner], x.dtype)
  const tasks = Math.ceil(columns / columnsPerTask)
  const integers = x.dtype === 'int32' ? 1 : 0
  const arrays = [heap.address(x), heap.address(ids), heap.address(output)]
  kernels.run('segmentSum', tasks, [...arrays, rows, columns, numSegments, columnsPerTask, integers])
  return output
}
