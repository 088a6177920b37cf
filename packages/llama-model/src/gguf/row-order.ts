import type { LlamaConfig, ModelType } from '../config.ts'

/** Architectures whose queries and keys turn in pairs (2j, 2j + 1) in llama.cpp; the others in pairs (j, j + D/2), as in Hugging Face. */
const interleaved: ReadonlySet<ModelType> = new Set(['llama', 'mistral', 'smollm3'])

/**
 * Where row `i` of a query or key weight of llama.cpp belongs in Hugging Face's order: within each head, row `2j + s` at `j + s·D/2`.
 * undefined where the order is the same.
 */
export function rowOrder(name: string, { headDim: D, modelType = 'llama' }: LlamaConfig): ((row: number) => number) | undefined {
  if (!interleaved.has(modelType) || !/\.self_attn\.[qk]_proj\./.test(name)) return undefined
  return (row) => {
    const channel = row % D
    return row - channel + (channel >> 1) + (channel & 1) * (D / 2)
  }
}
