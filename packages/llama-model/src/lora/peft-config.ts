import type { LoraConfig } from './lora-config.ts'

/** Fields of adapter_config.json that change what is computed, and their value where they change nothing. */
const unsupported: Readonly<Record<string, readonly unknown[]>> = {
  use_dora: [false],
  bias: ['none'],
  lora_bias: [false],
  fan_in_fan_out: [false],
  modules_to_save: [[]],
  rank_pattern: [{}],
  alpha_pattern: [{}],
  layers_to_transform: [[]],
  exclude_modules: [[]],
  target_parameters: [[]],
  trainable_token_indices: [[]],
  layer_replication: [[]],
  alora_invocation_tokens: [[]],
  use_qalora: [false],
  use_bdlora: [false],
  arrow_config: [],
  kasa_config: [],
  monteclora_config: [],
  velora_config: [],
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'], // the others change the model's own weights too
}

/** @throws RangeError for a field that this package does not compute, TypeError for a missing one; `who` starts the message */
export function fromPeft(who: string, config: Readonly<Record<string, unknown>>): LoraConfig {
  if (config.peft_type !== 'LORA') {
    throw new RangeError(`${who}: peft_type is ${JSON.stringify(config.peft_type)}; only 'LORA' is read. Merge it with PEFT first.`)
  }
  for (const [field, neutral] of Object.entries(unsupported)) {
    const value = config[field] ?? null
    if (value === null || neutral.some((own) => JSON.stringify(own) === JSON.stringify(value))) continue
    throw new RangeError(`${who}: ${field} is ${JSON.stringify(value)}, which is not computed here. Merge the adapter with PEFT instead.`)
  }
  const { r, lora_alpha: alpha, lora_dropout: dropout = 0, target_modules: targets, use_rslora: rankStabilized = false } = config
  for (const [field, value] of Object.entries({ r, lora_alpha: alpha, lora_dropout: dropout })) {
    if (typeof value !== 'number') throw new TypeError(`${who}: ${field} is ${JSON.stringify(value)}; it must be a number.`)
  }
  if (typeof targets !== 'string' && !(Array.isArray(targets) && targets.every((target) => typeof target === 'string'))) {
    throw new TypeError(`${who}: target_modules is ${JSON.stringify(targets)}; it must be a string or a list of strings.`)
  }
  return {
    rank: r as number,
    alpha: alpha as number,
    targets,
    ...(dropout === 0 ? {} : { dropout: dropout as number }),
    ...(rankStabilized === true ? { rankStabilized } : {}),
  }
}

/** adapter_config.json as PEFT 0.17 and later read it. */
export function toPeft({ rank, alpha, targets, dropout = 0, rankStabilized = false }: LoraConfig, baseModel: string | null): object {
  return {
    base_model_name_or_path: baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: dropout,
    peft_type: 'LORA',
    r: rank,
    target_modules: targets,
    task_type: 'CAUSAL_LM',
    use_rslora: rankStabilized,
  }
}
