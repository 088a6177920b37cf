import type { LlamaConfig } from '../config.ts'
import { checkSeed } from '../random.ts'

/**
 * Low-rank updates of frozen weights: the product of a module becomes `x·Wᵀ + s·(dropout(x)·Aᵀ)·Bᵀ`, A [rank, in], B [out, rank],
 * `s = alpha/rank`.
 * @see Hu et al. 2021, arXiv 2106.09685
 */
export interface LoraConfig {
  readonly rank: number
  readonly alpha: number
  /**
   * Modules that get one, as in PEFT: names that a module's name is or ends with (`['q_proj', 'v_proj']`), or a regular expression for the
   * whole name (`'.*\\.[01]\\.mlp\\..*'`). Modules are `model.layers.N.self_attn.{q,k,v,o}_proj` and `model.layers.N.mlp.{gate,up,down}_proj`.
   */
  readonly targets: string | readonly string[]
  /** Fraction of x that is 0 before A, the rest being scaled up; only where `dropoutSeed` is given. Default 0. */
  readonly dropout?: number | undefined
  /** Turns dropout on, for training: pass another for every step, `{ ...config, lora: { ...config.lora, dropoutSeed: step } }`. */
  readonly dropoutSeed?: number | undefined
  /** `s = alpha/√rank` (Kalajdzievski 2023, arXiv 2312.03732); default false. */
  readonly rankStabilized?: boolean | undefined
}

/** What A and B of a module are called in params. */
export const loraNames = (module: string): readonly [a: string, b: string] => [`${module}.lora_A.weight`, `${module}.lora_B.weight`]

/** Whether a parameter is of a LoRA: `trainable` of trainer, so that nothing else learns. */
export const isLoraParam = (name: string): boolean => /\.lora_[AB]\.weight$/.test(name)

/** The factor s. */
export const loraScale = ({ rank, alpha, rankStabilized = false }: LoraConfig): number => alpha / (rankStabilized ? Math.sqrt(rank) : rank)

/** [out, in] of the modules that `config.lora` targets, in the order of the network; none without it. */
export function loraModules(config: LlamaConfig): Map<string, readonly [out: number, input: number]> {
  const { hiddenSize: C, intermediateSize: F, numHeads: H, numKvHeads: K, headDim: D, lora } = config
  const sizes = {
    'self_attn.q_proj': [H * D, C],
    'self_attn.k_proj': [K * D, C],
    'self_attn.v_proj': [K * D, C],
    'self_attn.o_proj': [C, H * D],
    'mlp.gate_proj': [F, C],
    'mlp.up_proj': [F, C],
    'mlp.down_proj': [C, F],
  } as const
  const modules = new Map<string, readonly [number, number]>()
  if (!lora) return modules
  const isTarget = matcher(lora.targets)
  for (let layer = 0; layer < config.numLayers; layer++)
    for (const [name, size] of Object.entries(sizes)) {
      const module = `model.layers.${layer}.${name}`
      if (isTarget(module)) modules.set(module, size)
    }
  return modules
}

function matcher(targets: LoraConfig['targets']): (module: string) => boolean {
  if (targets === 'all-linear') return () => true
  if (typeof targets !== 'string') return (module) => targets.some((target) => module === target || module.endsWith(`.${target}`))
  const whole = new RegExp(`^(?:${targets})$`)
  return (module) => whole.test(module)
}

/** Shape of every A and B, in the order of the network. */
export function loraShapes(config: LlamaConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>()
  for (const [module, [out, input]] of loraModules(config)) {
    const [a, b] = loraNames(module)
    shapes.set(a, [config.lora!.rank, input])
    shapes.set(b, [out, config.lora!.rank])
  }
  return shapes
}

/** @throws RangeError for a `config.lora` that cannot be computed; `who` starts the message */
export function checkLora(who: string, config: LlamaConfig): void {
  const { lora } = config
  if (!lora) return
  const refuse = (name: string, value: unknown, rule: string) => {
    throw new RangeError(`${who}: config.lora.${name} is ${String(value)}; it must ${rule}.`)
  }
  const { rank, alpha, targets, dropout = 0, dropoutSeed = 0 } = lora
  if (!(Number.isSafeInteger(rank) && rank >= 1)) refuse('rank', rank, 'be a whole number ≥ 1, such as 8')
  if (!(alpha > 0 && alpha < Number.POSITIVE_INFINITY)) refuse('alpha', alpha, 'be a positive number, such as 16')
  if (!(dropout >= 0 && dropout < 1)) refuse('dropout', dropout, 'lie in [0, 1)')
  checkSeed(`${who}: config.lora.dropoutSeed`, dropoutSeed)
  try {
    if (loraModules(config).size > 0) return
  } catch (error) {
    throw new RangeError(`${who}: config.lora.targets '${String(targets)}' is no regular expression: ${String(error)}`, { cause: error })
  }
  refuse('targets', JSON.stringify(targets), "match a module, such as ['q_proj', 'v_proj']")
}
