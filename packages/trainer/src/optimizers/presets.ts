/**
 * Llama 2's AdamW and clipping, for `adamw(llama2.adamw)` and `train({ clipNorm: llama2.clipNorm })`. The long-context paper states only
 * steps, peak and warm-up (cosine-schedule's `llama2Long`) and continues from Llama 2, so these are the natural choice there as well.
 * @see Touvron et al. 2023 (Llama 2), §2.2; Xiong et al. 2023, §2.1
 */
export const llama2 = {
  adamw: { beta1: 0.9, beta2: 0.95, epsilon: 1e-5, weightDecay: 0.1 },
  clipNorm: 1,
  tokensPerBatch: 2 ** 22,
} as const
