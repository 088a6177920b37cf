import { input, type Kernel } from '../context.ts'

/** `Identity`: tfjs clones every tensor that a gradient needs later; tfjs-wasm copies its data for that, this shares them. */
export const identity: Kernel = ({ heap }, inputs, attrs, stock) => {
  const { x } = inputs
  return x?.dtype === 'string' ? stock(inputs, attrs) : heap.alias(input('Identity', inputs, 'x', x?.dtype))
}
