import { checkCount } from '../check.ts'
import type { Values } from './command.ts'

/** Options of a command line by name, as what they have to be; errors name the option and the value. */
export function reader(values: Values) {
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string): number | undefined => {
    const value = text(name)
    if (value === undefined) return undefined
    if (value.trim() === '' || Number.isNaN(Number(value))) throw new RangeError(`--${name} is '${value}'; it must be a number.`)
    return Number(value)
  }
  const list = (name: string): string[] => {
    const value = values[name]
    return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
  }
  return {
    text,
    number,
    list,
    flag: (name: string): boolean => values[name] === true,
    count(name: string, least = 1): number | undefined {
      const value = number(name)
      if (value !== undefined) checkCount(`--${name}`, value, least)
      return value
    },
    oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
      const value = text(name) ?? fallback
      const found = choices.find((choice) => choice === value)
      if (found === undefined) throw new RangeError(`--${name} is '${value}'; choose ${choices.join(', ')}.`)
      return found
    },
    required(name: string, example: string): string {
      const value = text(name)
      if (value === undefined) throw new RangeError(`--${name} is missing; give it, such as --${name} ${example}.`)
      return value
    },
    /** `name=value`, several times. */
    pairs(name: string): Record<string, string> {
      return Object.fromEntries(
        list(name).map((pair) => {
          const at = pair.indexOf('=')
          if (at < 1 || at === pair.length - 1) throw new RangeError(`--${name} is '${pair}'; it must be NAME=VALUE.`)
          return [pair.slice(0, at), pair.slice(at + 1)]
        }),
      )
    },
    numbers(name: string): Record<string, number> {
      const entries = Object.entries(this.pairs(name)).map(([key, value]): [string, number] => [key, Number(value)])
      for (const [key, value] of entries) if (Number.isNaN(value)) throw new RangeError(`--${name} of '${key}' must be a number.`)
      return Object.fromEntries(entries)
    },
  }
}
