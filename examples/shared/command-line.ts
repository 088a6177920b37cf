// Settings of a recipe from the command line, checked by a zod schema. Every field is an option of the same name in kebab-case.
import { Command } from 'commander'
import { z } from 'zod'

export interface CommandLineOptions<Shape extends z.ZodRawShape> {
  /** What the user types, for help and errors. */
  readonly name: string
  readonly description: string
  readonly schema: z.ZodObject<Shape>
  /** What stands behind an option in the help; `<value>` where nothing is given, '' for a switch. */
  readonly placeholders: Readonly<Record<string, string>>
}

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Settings from `argv` (without node and script). Prints help and exits for `--help`; throws an Error that names option, value and rule. */
export function readCommandLine<Shape extends z.ZodRawShape>(argv: readonly string[], options: CommandLineOptions<Shape>) {
  const { name, description, schema, placeholders } = options
  const command = new Command(name).description(description)
  for (const [key, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const fallback = field instanceof z.ZodDefault ? ` (default: ${String(field.parse(undefined))})` : ''
    command.option(`--${kebab(key)} ${placeholders[key] ?? '<value>'}`.trim(), `${field.description ?? ''}${fallback}`)
  }
  // pnpm hands on the `--` of `pnpm extend -- --help`
  const words = argv.filter((word, i) => i > 0 || word !== '--')
  const given = command.parse(words, { from: 'user' }).opts<Record<string, unknown>>()
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path: [key = ''], message }) => {
    const value = given[String(key)]
    return `--${kebab(String(key))}${value === undefined ? '' : ` ${JSON.stringify(value)}`}: ${message}`
  })
  throw new Error(`${lines.join('; ')} (\`${name} --help\`)`)
}
