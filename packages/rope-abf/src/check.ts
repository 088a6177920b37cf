/** Throws unless `value` is a finite number above `minimum` (or at it, with `inclusive`). */
export function checkNumber(where: string, name: string, value: unknown, { above = 0, inclusive = false } = {}): void {
  const fits = typeof value === 'number' && Number.isFinite(value) && (inclusive ? value >= above : value > above)
  if (!fits) {
    throw new RangeError(
      `${where}: ${name} is ${String(value)}; it must be a finite number ${inclusive ? '≥' : '>'} ${above}. Pass such a number.`,
    )
  }
}

/** Throws unless `value` is a whole number of at least `minimum`. */
export function checkWhole(where: string, name: string, value: unknown, minimum: number): void {
  if (!(typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum)) {
    throw new RangeError(`${where}: ${name} is ${String(value)}; it must be a whole number ≥ ${minimum}. Pass such a number.`)
  }
}
