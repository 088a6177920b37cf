// Settings of a recipe from the command line, checked by a zod schema. Every field is an option of the same name in kebab-case.
import type { Command } from 'commander'
import { z } from 'zod'

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/**
 * Gives `command` an option for every field of `schema`. `placeholders`: what stands behind it in the help; `<value>` where nothing is given,
 * '' for a switch.
 */
export function addOptions(command: Command, schema: z.ZodObject, placeholders: Readonly<Record<string, string>>): Command {
  for (const [key, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const fallback = field instanceof z.ZodDefault ? ` (default: ${String(field.parse(undefined))})` : ''
    command.option(`--${kebab(key)} ${placeholders[key] ?? '<value>'}`.trim(), `${field.description ?? ''}${fallback}`)
  }
  return command
}

/** What `argv` (without node and script) says. Prints help and exits for `--help`. */
export function wordsOf(command: Command, argv: readonly string[]): Record<string, unknown> {
  // pnpm hands on the `--` of `pnpm start -- --help`
  const words = argv.filter((word, i) => i > 0 || word !== '--')
  return command.parse(words, { from: 'user' }).opts()
}

/** The settings, or an Error that names option, value and rule of each that is wrong. */
export function checked<Schema extends z.ZodObject>(
  command: Command,
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
): z.infer<Schema> {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? ('keys' in issue ? issue.keys : ''))
    const value = given[key]
    return `--${kebab(key)}${value === undefined ? '' : ` ${JSON.stringify(value)}`}: ${issue.message}`
  })
  throw settingsError(command, lines.join('; '))
}

export const settingsError = (command: Command, what: string): Error => new Error(`${what} (\`${command.name()} --help\`)`)
