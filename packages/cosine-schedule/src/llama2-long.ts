import { cosine } from './cosine.ts'
import type { Schedule } from './schedule.ts'

const peaks = { '7b': 2e-5, '13b': 2e-5, '34b': 1e-5, '70b': 1e-5 }

/**
 * The continual pretraining of Llama 2 Long: 2 000 steps of warm-up, cosine over 100 000 steps of 4M tokens, peak 2e-5 (7B, 13B) or 1e-5 (34B, 70B).
 * The paper does not say where the rate ends; the floor here is a tenth of the peak, as in Llama 2. It states warm-up and cosine
 * for 7B and 13B only; they are taken for all four.
 * @throws RangeError for another model.
 * @see Xiong et al. 2023, §2.1; Touvron et al. 2023 (Llama 2), §2.2
 */
export function llama2Long(model: keyof typeof peaks): Schedule {
  if (!Object.hasOwn(peaks, model)) throw new RangeError(`llama2Long: model is '${model}'; choose '7b', '13b', '34b' or '70b'.`)
  const peak = peaks[model]
  return cosine({ peak, totalSteps: 100_000, warmupSteps: 2_000, floor: peak / 10 })
}
