import type { LanguageModel } from 'long-context-eval'

/** `model`, which computes the losses of a row once: the longest context of one measurement is the whole row of another. */
export function remembering(model: LanguageModel): LanguageModel {
  const known = new Map<string, Float32Array>()
  const keyOf = ({ buffer, byteOffset, byteLength }: Int32Array) => Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  return {
    generate: (...prompt) => model.generate(...prompt),
    async tokenLosses(rows) {
      const unknown = rows.filter((row) => !known.has(keyOf(row)))
      const losses = unknown.length > 0 ? await model.tokenLosses(unknown) : []
      for (const [i, row] of unknown.entries()) known.set(keyOf(row), losses[i]!)
      return rows.map((row) => known.get(keyOf(row))!)
    },
  }
}
