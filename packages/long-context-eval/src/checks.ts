/** Throws unless `value` is a whole number of at least `least`. `what` names function and option. */
export function checkCount(what: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${what} is ${value}; it must be a whole number ≥ ${least}.`)
}

/** Throws for an empty list. */
export function checkSome(what: string, list: ArrayLike<unknown>): void {
  if (list.length === 0) throw new RangeError(`${what} is empty; pass at least one.`)
}
