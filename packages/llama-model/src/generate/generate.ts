import type { LlamaConfig } from '../config.ts'
import { checkParams, type Params } from '../params.ts'
import { continueRows } from './continue-rows.ts'
import { checkPrompt, checkSampling, type GenerateBatchOptions, type GeneratedToken, type GenerateOptions } from './options.ts'

/**
 * Continues `tokens`, one token at a time, with a cache of keys and values; a stop token is the last one yielded. With temperature 0 these are
 * the tokens that `forward` finds likeliest. Reads the device asynchronously, once a token; params must stay alive meanwhile. All that
 * it allocates is freed at the end, at a `break` and when something throws. Lengths beyond `maxPositionEmbeddings` are computed as any other.
 *
 * Rope scalings that depend on the sequence's length (`dynamic`, `longrope`) take it to be `tokens.length + maxNewTokens` throughout.
 * @throws TypeError, RangeError for params or options that do not fit, when called; the signal's reason when it is aborted
 */
export function generate(params: Params, config: LlamaConfig, options: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  checkParams('generate', params, config)
  checkPrompt('generate', 'tokens', options.tokens, config)
  checkSampling('generate', options, config)
  return continueRows(params, config, [options.tokens], options)
}

/**
 * Continues several prompts at once, of any lengths: what `generate` gives for each alone, but the weights are read once for all.
 * Yields tokens as they come, `row` is the index of the prompt; rows end at their own stop tokens. A row draws from its own stream of
 * the seed. Length-dependent rope takes the longest prompt + `maxNewTokens` for all.
 * @throws as `generate`
 */
export function generateBatch(
  params: Params,
  config: LlamaConfig,
  options: GenerateBatchOptions,
): AsyncGenerator<GeneratedToken & { readonly row: number }, void, undefined> {
  checkParams('generateBatch', params, config)
  const { prompts } = options
  if (!(prompts?.length > 0)) throw new RangeError('generateBatch: prompts is empty; pass at least one.')
  for (const [row, tokens] of prompts.entries()) checkPrompt('generateBatch', `prompts[${row}]`, tokens, config)
  checkSampling('generateBatch', options, config)
  return continueRows(params, config, prompts, options)
}
