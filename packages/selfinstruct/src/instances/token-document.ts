/** A tokenised text with weights of the loss: a `Document` of seq-packer. */
export interface TokenDocument {
  readonly kind: 'document'
  readonly id: string
  readonly source: string
  readonly tokens: readonly number[]
  /** `lossWeights[t]` weighs the loss of predicting `tokens[t]`. */
  readonly lossWeights: readonly number[]
}

/** How texts become tokens. */
export interface Encoding {
  /** Tokens of a text, none added. */
  readonly encode: (text: string) => ArrayLike<number>
  /** What every sequence begins with, and every answer ends with, such as `[bos]` and `[eos]`; default nothing. Beginnings have no loss, ends do. */
  readonly begin?: readonly number[]
  readonly end?: readonly number[]
}

interface Part {
  readonly tokens: readonly number[]
  readonly weight: number
}

export const weighted = (id: string, source: string, begin: readonly number[], parts: readonly Part[]): TokenDocument => ({
  kind: 'document',
  id,
  source,
  tokens: [...begin, ...parts.flatMap(({ tokens }) => tokens)],
  lossWeights: [...begin.map(() => 0), ...parts.flatMap(({ tokens, weight }) => tokens.map(() => weight))],
})
