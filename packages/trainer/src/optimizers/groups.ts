/** Parameters that are updated in their own way. */
export interface ParameterGroup {
  /** Which parameters: a pattern of the name, or a function of name and shape. */
  readonly match: RegExp | ((name: string, shape: readonly number[]) => boolean)
  /** Instead of the optimizer's; ≥ 0. */
  readonly weightDecay?: number
  /** Times the learning rate of the schedule; ≥ 0. */
  readonly learningRateScale?: number
}

/** Vectors, and whatever has `norm` in its name: what does not decay where nothing else is said. */
export const vectorsAndNorms: ParameterGroup = {
  match: (name, shape) => shape.length < 2 || /norm/i.test(name),
  weightDecay: 0,
}

/** What holds for a parameter: of the first group that matches, else the optimizer's own. */
export function groupOf(
  groups: readonly ParameterGroup[],
  weightDecay: number,
  name: string,
  shape: readonly number[],
): { readonly weightDecay: number; readonly learningRateScale: number } {
  const found = groups.find(({ match }) => (typeof match === 'function' ? match(name, shape) : match.test(name)))
  return { weightDecay, learningRateScale: 1, ...found }
}

/** @throws TypeError or RangeError for a group that cannot work. */
export function checkGroups(who: string, groups: readonly ParameterGroup[]): void {
  groups.forEach(({ match, weightDecay = 0, learningRateScale = 1 }, i) => {
    const where = `${who}: groups[${i}]`
    if (!(typeof match === 'function' || match instanceof RegExp))
      throw new TypeError(`${where}.match is ${String(match)}; it must be a regular expression or a function of name and shape.`)
    if (match instanceof RegExp && /[gy]/.test(match.flags))
      throw new RangeError(`${where}.match is ${match}; with the flags g or y a pattern remembers its last match. Leave them out.`)
    checkAtLeastZero(`${where}.weightDecay`, weightDecay)
    checkAtLeastZero(`${where}.learningRateScale`, learningRateScale)
  })
}

export function checkAtLeastZero(what: string, value: number, usual = ''): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new RangeError(`${what} is ${value}; it must be a finite number ≥ 0.${usual}`)
}

/** As checkpoints keep it, for the reader. */
export const describeGroups = (groups: readonly ParameterGroup[]) =>
  groups.map(({ match, ...rest }) => ({ match: typeof match === 'function' ? match.name || 'function' : String(match), ...rest }))
