import type { Metadata } from './metadata.ts'

/** Metadata of one architecture, by the keys without its name. */
export interface Fields {
  readonly who: string
  /** @throws RangeError when it is missing without a fallback, or no finite number */
  number(key: string, fallback?: number): number
  /** undefined when it is missing. @throws RangeError when it is of another type */
  optional<T extends 'string' | 'boolean' | 'number'>(key: string, type: T): TypeOf<T> | undefined
}

type TypeOf<T> = T extends 'string' ? string : T extends 'number' ? number : boolean

/** Keys starting with `tokenizer.` or `general.` stand for themselves. */
export function fieldsOf(who: string, metadata: Metadata, architecture: string): Fields {
  const full = (key: string) => (/^(tokenizer|general)\./.test(key) ? key : `${architecture}.${key}`)
  const optional: Fields['optional'] = (key, type) => {
    const value = metadata.get(full(key))
    if (value === undefined) return undefined
    if (typeof value !== type || (type === 'number' && !Number.isFinite(value))) {
      throw new RangeError(`${who}: metadata '${full(key)}' is ${JSON.stringify(value)?.slice(0, 80)}; it must be a ${type}.`)
    }
    return value as never
  }
  return {
    who,
    optional,
    number(key, fallback) {
      const value = optional(key, 'number') ?? fallback
      if (value === undefined)
        throw new RangeError(`${who}: metadata '${full(key)}' is missing. The file is damaged, or was made for another program.`)
      return value
    },
  }
}
