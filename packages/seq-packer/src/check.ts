import type { Document } from './types.ts'

export function checkCount(what: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${what} is ${value}; it must be a whole number ≥ ${least}.`)
}

/** Throws, with the document named, for one that cannot be packed. */
export function checkDocument(who: string, { id, source, tokens, lossWeights }: Document): void {
  const name = `${who}: document '${id}' of source '${source}'`
  if (!(tokens?.length > 0)) throw new RangeError(`${name} has no tokens. Leave out empty documents.`)
  if (!(tokens instanceof Uint16Array)) checkTokens(name, tokens) // of those every value is a token
  if (!lossWeights) return
  if (lossWeights.length !== tokens.length)
    throw new RangeError(`${name} has ${tokens.length} tokens and ${lossWeights.length} lossWeights; give one weight per token, or none.`)
  for (let t = 0; t < lossWeights.length; t++) {
    const weight = lossWeights[t]!
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new RangeError(`${name}: lossWeights[${t}] is ${weight}; it must be a finite number ≥ 0.`)
  }
}

function checkTokens(name: string, tokens: ArrayLike<number>): void {
  for (let t = 0; t < tokens.length; t++) {
    const token = tokens[t]!
    if ((token | 0) !== token || token < 0)
      throw new RangeError(`${name}: tokens[${t}] is ${token}; a token is a whole number in [0, 2147483647].`)
  }
}
