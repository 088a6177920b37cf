import { expectShape, input, type Kernel, produce } from '../context.ts'

interface Attrs {
  readonly layout?: 'half' | 'interleaved'
  readonly inverse?: boolean
}

/** `RotaryEmbedding` of x [B, T, H, D] with cos, sin [B or 1, T, 1, D/2]; `inverse` turns the other way, which is the gradient. */
export const rotaryEmbedding: Kernel = ({ heap, kernels }, inputs, attrs) => {
  const { layout = 'half', inverse = false } = attrs as unknown as Attrs
  if (layout !== 'half' && layout !== 'interleaved') {
    throw new RangeError(`RotaryEmbedding: layout is '${String(layout)}'; it must be 'half' or 'interleaved'.`)
  }
  const x = input('RotaryEmbedding', inputs, 'x')
  const cos = input('RotaryEmbedding', inputs, 'cos')
  const sin = input('RotaryEmbedding', inputs, 'sin')
  const [batch = 0, length = 0, heads = 0, headDim = 0] = x.shape
  if (x.shape.length !== 4 || headDim % 2 !== 0) {
    throw new RangeError(`RotaryEmbedding: x has shape [${x.shape}]; it must be [B, T, H, D] with an even D.`)
  }
  const tables = cos.shape[0] === 1 ? 1 : batch
  for (const [name, table] of Object.entries({ cos, sin })) {
    expectShape('RotaryEmbedding', name, table, [tables, length, 1, headDim / 2])
  }
  const tokens = batch * length
  const tokensPerTask = Math.max(1, Math.ceil(2 ** 15 / Math.max(1, heads * headDim)))
  return produce(heap, [x.shape], (y) => {
    const arrays = [heap.address(x), heap.address(cos), heap.address(sin), y!]
    const tableBatch = tables === 1 ? 0 : length * headDim * 2
    const modes = [tokensPerTask, tableBatch, layout === 'interleaved' ? 1 : 0, inverse ? -1 : 1]
    kernels.run('rotary', Math.ceil(tokens / tokensPerTask), [...arrays, tokens, length, heads, headDim, ...modes])
  })[0]!
}
