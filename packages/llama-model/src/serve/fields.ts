import { type Failure, failure } from './failure.ts'

/** Fields of a request's body, each of the kind that it must be; null counts as left out. */
export function fieldsOf(body: Readonly<Record<string, unknown>>) {
  const refuse = (param: string, rule: string): Failure =>
    failure(400, `${param} is ${shown(body[param])}; it must ${rule}.`, { param, code: 'invalid_value' })
  const number = (param: string, least: number, most: number): number | undefined => {
    const value = body[param] ?? undefined
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= least && value <= most) return value
    throw refuse(param, most === Number.MAX_SAFE_INTEGER ? `be a number ≥ ${least}` : `be a number from ${least} to ${most}`)
  }
  return {
    refuse,
    number,
    count(param: string, least: number, most: number = Number.MAX_SAFE_INTEGER): number | undefined {
      const value = number(param, least, most)
      if (value !== undefined && !Number.isSafeInteger(value)) throw refuse(param, 'be a whole number')
      return value
    },
    flag(param: string): boolean {
      const value = body[param] ?? false
      if (typeof value !== 'boolean') throw refuse(param, 'be true or false')
      return value
    },
    object(param: string): Record<string, unknown> {
      const value = body[param] ?? {}
      if (typeof value !== 'object' || Array.isArray(value)) throw refuse(param, 'be an object')
      return value as Record<string, unknown>
    },
    /** What would change the answer and is not done here, unless it has a value that changes nothing. */
    without(neutral: Readonly<Record<string, readonly unknown[]>>): void {
      for (const [param, values] of Object.entries(neutral)) {
        const value = body[param] ?? null
        if (value === null || values.some((own) => JSON.stringify(own) === JSON.stringify(value))) continue
        throw failure(400, `${param} is ${shown(value)}, which this server does not do; leave it out.`, {
          param,
          code: 'unsupported_value',
        })
      }
    },
  }
}

export type Fields = ReturnType<typeof fieldsOf>

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
