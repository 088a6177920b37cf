import type { Usage } from '../types.ts'

/** What calls have taken so far; requests count every try. */
export interface Spent extends Usage {
  readonly requests: number
  readonly retries: number
  /** By the price of tokens. */
  readonly money: number
}

/** Of a million tokens. */
export interface Price {
  readonly prompt: number
  readonly completion: number
}

export interface Budget {
  readonly requests?: number
  readonly tokens?: number
  readonly money?: number
}

export const NOTHING_SPENT: Spent = { requests: 0, retries: 0, promptTokens: 0, completionTokens: 0, money: 0 }

/** What a number of tokens costs. */
export const costOf = ({ promptTokens, completionTokens }: Usage, price: Price): number =>
  (promptTokens * price.prompt + completionTokens * price.completion) / 1e6

export function paid(spent: Spent, usage: Usage, price: Price): Spent {
  const promptTokens = spent.promptTokens + usage.promptTokens
  const completionTokens = spent.completionTokens + usage.completionTokens
  return { ...spent, promptTokens, completionTokens, money: costOf({ promptTokens, completionTokens }, price) }
}

/** Which budget is spent, and what to do; undefined when none is. */
export function overspent(spent: Spent, budget: Budget): string | undefined {
  const used = { requests: spent.requests, tokens: spent.promptTokens + spent.completionTokens, money: spent.money }
  for (const name of ['requests', 'tokens', 'money'] as const) {
    const limit = budget[name] ?? Number.POSITIVE_INFINITY
    if (used[name] >= limit)
      return `limited: the budget of ${name === 'money' ? `${limit} (money)` : `${limit} ${name}`} is spent. What was made before is good; raise the budget to go on.`
  }
  return undefined
}
