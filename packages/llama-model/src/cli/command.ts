import { parseArgs } from 'node:util'

export interface Option {
  readonly type: 'string' | 'boolean'
  /** What is taken without it; for the help. */
  readonly fallback?: string
  readonly about: string
}

/** One word of the command line. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** What follows the name. */
  readonly usage: string
  /** By name without dashes; every command also has threads and help. */
  readonly options: Readonly<Record<string, Option>>
  readonly run: (values: Values, positionals: readonly string[]) => Promise<void>
}

type Parsed = Readonly<Record<string, string | boolean | undefined>>

/** Options by name, as what they have to be; errors name the option and the value. */
export interface Values {
  text(name: string): string | undefined
  flag(name: string): boolean
  /** A number of at least `least`. */
  number(name: string, least: number): number | undefined
  /** A whole number of at least `least`. */
  count(name: string, least: number): number | undefined
  oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice
}

const everywhere: Readonly<Record<string, Option>> = {
  threads: { type: 'string', fallback: 'all of the processor', about: 'threads that compute' },
  help: { type: 'boolean', about: 'this' },
}

/** @throws TypeError for an option that does not exist */
export function valuesOf(command: Command, argv: readonly string[]): { values: Values; positionals: readonly string[] } {
  const options = Object.entries({ ...command.options, ...everywhere }).map(([name, { type }]) => [name, { type }] as const)
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: Object.fromEntries(options) })
  return { values: reader(values as Parsed), positionals }
}

function reader(values: Parsed): Values {
  const text = (name: string) => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string, least: number) => {
    const value = text(name)
    if (value === undefined) return undefined
    if (value.trim() !== '' && Number(value) >= least) return Number(value)
    throw new RangeError(`--${name} is '${value}'; it must be a number ≥ ${least}.`)
  }
  return {
    text,
    flag: (name) => values[name] === true,
    number,
    count(name, least) {
      const value = number(name, least)
      if (value === undefined || Number.isSafeInteger(value)) return value
      throw new RangeError(`--${name} is ${value}; it must be a whole number.`)
    },
    oneOf(name, choices, fallback) {
      const value = text(name) ?? fallback
      const found = choices.find((choice) => choice === value)
      if (found === undefined) throw new RangeError(`--${name} is '${value}'; choose ${choices.join(', ')}.`)
      return found
    },
  }
}

export function helpOf({ name, summary, usage, options }: Command): string {
  const lines = Object.entries({ ...options, ...everywhere }).map(([option, { type, fallback, about }]) => {
    const flag = `  --${option}${type === 'string' ? ' VALUE' : ''}`
    return `${flag.padEnd(28)} ${about}${fallback === undefined ? '' : ` (default ${fallback})`}`
  })
  return `llama-model ${name} ${usage}\n\n${summary}\n\n${lines.join('\n')}\n`
}

/** The one thing that a command is about. @throws RangeError where there is none, or more */
export function modelOf({ name, usage }: Command, positionals: readonly string[], least = 1): string {
  if (positionals.length === least) return positionals[0]!
  const wrong = positionals.length < least ? 'something is missing' : `'${positionals[least]}' is too much`
  throw new RangeError(`${wrong}; it goes: llama-model ${name} ${usage}`)
}
