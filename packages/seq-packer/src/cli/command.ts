import { parseArgs } from 'node:util'

export interface Option {
  readonly type: 'string' | 'boolean'
  /** May be given several times. */
  readonly multiple?: boolean
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
  /** By name without dashes; every command also has config, dry-run and help. */
  readonly options: Readonly<Record<string, Option>>
  readonly run: (values: Values, positionals: readonly string[]) => Promise<void>
}

export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

const everywhere: Readonly<Record<string, Option>> = {
  config: { type: 'string', about: 'YAML or JSON file with any of these options; the command line wins' },
  'dry-run': { type: 'boolean', about: 'check everything, say what would be done, write nothing' },
  help: { type: 'boolean', about: 'this' },
}

/** Values from the command line and, below them, from a file that `read` has parsed. Throws for an option that does not exist. */
export async function valuesOf(
  command: Command,
  argv: readonly string[],
  read: (path: string) => Promise<unknown>,
): Promise<{ values: Values; positionals: readonly string[] }> {
  const options = { ...command.options, ...everywhere }
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: Object.fromEntries(Object.entries(options).map(([name, { type, multiple = false }]) => [name, { type, multiple }])),
  })
  if (typeof values.config !== 'string') return { values, positionals }
  const file: unknown = await read(values.config)
  if (typeof file !== 'object' || file === null || Array.isArray(file))
    throw new RangeError(`--config ${values.config}: it must be a mapping of options, such as \`row-length: 4096\`.`)
  const given: Record<string, string | boolean | string[]> = {}
  for (const [name, value] of Object.entries(file)) {
    const option = options[name]
    if (!option)
      throw new RangeError(
        `--config ${values.config}: '${name}' is no option of ${command.name}; choose from ${Object.keys(options).join(', ')}.`,
      )
    if (Array.isArray(value)) given[name] = value.map(String)
    // name: share, instead of name=share several times
    else if (typeof value === 'object' && value !== null) given[name] = Object.entries(value).map(([key, own]) => `${key}=${own}`)
    else given[name] = option.type === 'boolean' ? value === true : option.multiple ? [String(value)] : String(value)
  }
  return { values: { ...given, ...values }, positionals }
}

export function helpOf({ name, summary, usage, options }: Command): string {
  const lines = Object.entries({ ...options, ...everywhere }).map(([option, { type, multiple, fallback, about }]) => {
    const flag = `  --${option}${type === 'string' ? ` VALUE${multiple ? ' …' : ''}` : ''}`
    return `${flag.padEnd(30)} ${about}${fallback === undefined ? '' : ` (default ${fallback})`}`
  })
  return `seq-packer ${name} ${usage}\n\n${summary}\n\n${lines.join('\n')}\n`
}
