/**
 * Weights for `mix` from the tokens each source has: `nᵢ^(1/T) / Σₖ nₖ^(1/T)`. Temperature 1 keeps natural shares, a larger one evens them
 * out, Infinity makes them equal.
 * @throws RangeError for a temperature that is not > 0, or a source whose number of tokens is not finite and > 0.
 * @see Conneau & Lample 2019, §3.1 (their α is 1/T)
 */
export function temperatureWeights(tokens: Readonly<Record<string, number>>, temperature: number): Record<string, number> {
  if (!(temperature > 0)) throw new RangeError(`temperatureWeights: temperature is ${temperature}; it must be > 0, or Infinity.`)
  const entries = Object.entries(tokens)
  for (const [name, count] of entries)
    if (!(count > 0 && count < Number.POSITIVE_INFINITY))
      throw new RangeError(`temperatureWeights: source '${name}' has ${count} tokens; it must be a finite number > 0. Leave it out.`)
  const largest = Math.max(...entries.map(([, count]) => count)) // a small temperature would overflow without it
  const powers = entries.map(([name, count]) => [name, (count / largest) ** (1 / temperature)] as const)
  const sum = powers.reduce((total, [, power]) => total + power, 0)
  return Object.fromEntries(powers.map(([name, power]) => [name, power / sum]))
}
