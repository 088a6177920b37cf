import { type Kernel, sizeOf } from '../context.ts'

/** `GatherV2` of whole rows (axis 0), the embedding: copies each row at once, where tfjs-wasm moves single numbers. */
export const gather: Kernel = ({ heap }, inputs, attrs, stock) => {
  const { x, indices } = inputs
  const { axis, batchDims = 0 } = attrs as unknown as { readonly axis: number; readonly batchDims?: number }
  const isNumber = x?.dtype === 'float32' || x?.dtype === 'int32'
  if (!x || !isNumber || indices?.dtype !== 'int32' || axis !== 0 || batchDims !== 0 || x.shape.length === 0) return stock(inputs, attrs)
  const rows = x.shape[0]!
  const inner = x.shape.slice(1)
  const columns = sizeOf(inner)
  const output = heap.makeOutput([...indices.shape, ...inner], x.dtype === 'int32' ? 'int32' : 'float32')
  const ids = new Int32Array(heap.memory.buffer, heap.address(indices), sizeOf(indices.shape))
  const wrong = ids.find((id) => id < 0 || id >= rows)
  if (wrong !== undefined) {
    heap.dispose(output)
    // tfjs's words, then what to do
    throw new RangeError(
      `GatherV2: the index value ${wrong} is not in [0, ${rows - 1}], the rows of x [${x.shape}]; look at the token ids.`,
    )
  }
  const words = new Int32Array(heap.memory.buffer)
  const [from, to] = [heap.address(x) / 4, heap.address(output) / 4]
  for (const [position, id] of ids.entries()) {
    const start = from + id * columns
    words.copyWithin(to + position * columns, start, start + columns)
  }
  return output
}
