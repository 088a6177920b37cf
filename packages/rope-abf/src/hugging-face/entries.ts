/** A JSON object as read: keys that are absent and keys that are null stay apart. */
export type Entries = ReadonlyMap<string, unknown>

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

export function entriesOf(name: string, value: unknown): Entries {
  if (!isObject(value)) {
    throw new TypeError(`fromHuggingFace: ${name} is ${JSON.stringify(value)}; it must be an object. Pass the parsed config.json.`)
  }
  return new Map<string, unknown>(Object.entries(value))
}

/** A number, or undefined if the key is absent or null. */
export function number(entries: Entries, key: string): number | undefined {
  const value = entries.get(key) ?? undefined
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new TypeError(`fromHuggingFace: ${key} is ${JSON.stringify(value)}; it must be a finite number. Correct it in config.json.`)
}

/** A number that must be there. */
export function requiredNumber(entries: Entries, key: string, why: string): number {
  const value = number(entries, key)
  if (value !== undefined) return value
  throw new RangeError(`fromHuggingFace: ${key} is ${entries.get(key)}; ${why} needs it. Add it to config.json.`)
}

/** A list of numbers that must be there. */
export function requiredNumbers(entries: Entries, key: string, why: string): number[] {
  const value = entries.get(key)
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'number')) return value
  throw new RangeError(`fromHuggingFace: ${key} is ${JSON.stringify(value)}; ${why} needs a list of numbers there. Add it to config.json.`)
}

/** The keys under which `rope_parameters` is nested: layer types, whose entries are objects, or null for layers without RoPE. */
const layerTypesIn = (rope: Entries, declared: unknown) =>
  [...rope].filter(([key, value]) => isObject(value) || (Array.isArray(declared) && declared.includes(key))).map(([key]) => key)

export interface RopeEntries {
  readonly rope: Entries
  /** Whether `rope` belongs to one layer type: then `original_max_position_embeddings` of the top level is not its own. */
  readonly nested: boolean
}

/**
 * The entries that describe the RoPE of `layerType`; null for a layer type without RoPE.
 * As in transformers, a `rope_scaling` that is neither null nor empty replaces `rope_parameters`.
 */
export function ropeEntries(config: Entries, layerType: string | undefined): RopeEntries | null {
  const scaling = entriesOf('rope_scaling', config.get('rope_scaling') ?? {})
  const rope = scaling.size > 0 ? scaling : entriesOf('rope_parameters', config.get('rope_parameters') ?? {})
  const nested = layerTypesIn(rope, config.get('layer_types'))
  const local = number(config, 'rope_local_base_freq') // Gemma 3 before transformers 5: sliding layers have a base of their own
  const layerTypes = nested.length === 0 && local !== undefined ? ['full_attention', 'sliding_attention'] : nested
  if (layerTypes.length === 0) return { rope, nested: false }
  if (layerType === undefined || !layerTypes.includes(layerType)) {
    throw new RangeError(
      `fromHuggingFace: layerType is ${JSON.stringify(layerType)}; this config has one RoPE for each of ${layerTypes.join(', ')}. ` +
        `Pass { layerType: '${layerTypes[0]}' } or another of them.`,
    )
  }
  if (nested.length === 0) return { rope: layerType === 'full_attention' ? rope : new Map([['rope_theta', local]]), nested: true }
  const own = rope.get(layerType)
  return own === null ? null : { rope: entriesOf(`the RoPE of ${layerType}`, own), nested: true }
}
