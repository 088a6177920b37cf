/** All that the evaluations know of a model. `llama-model`, an HTTP server or a table of n-grams fits behind it. */
export interface LanguageModel {
  /**
   * Losses in nats, one array per sequence and one entry per token: entry `t` is `−log p(token t | tokens 0 … t−1)`; entry 0 is NaN, as
   * nothing precedes it. Sequences of one call come as runs of equal length.
   */
  tokenLosses(sequences: readonly Int32Array[]): Promise<readonly Float32Array[]>
  /** At most `maxNewTokens` tokens that follow the prompt, without the prompt and without an end-of-text token. Greedy where scores are to be repeated. */
  generate(prompt: Int32Array, options: { readonly maxNewTokens: number }): Promise<Int32Array>
}

/** Text to tokens and back. `encode` adds no special tokens. */
export interface Tokenizer {
  encode(text: string): ArrayLike<number>
  decode(tokens: ArrayLike<number>): string
}

/** What every evaluation that calls a model takes. */
export interface RunOptions {
  /** Checked before every call of the model; the evaluation rejects with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Called after every call of the model: sequences (or prompts) done and to do in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}
