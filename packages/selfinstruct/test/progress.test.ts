import { describeProgress, type Outcome, progress } from 'selfinstruct'
import { expect, it } from 'vitest'

const common = { documentId: 'd', promptKind: 'short', chunks: [] } as const
const pair: Outcome = { ...common, kind: 'pair', question: 'Who?', answer: 'he', groundedness: 1 }
const rejected: Outcome = { ...common, kind: 'rejection', reason: 'ungrounded', detail: '' }
const spent = { requests: 9, retries: 1, promptTokens: 81_000, completionTokens: 234, money: 0.02345 }

it('counts pairs and reasons, and tells the time left at the pace so far', () => {
  let time = 1000
  const observe = progress({ total: 40, spent: () => spent, now: () => time })
  time += 10_000
  observe(pair)
  time += 20_000
  const seen = observe(rejected)
  expect(seen).toEqual({
    done: 2,
    total: 40,
    pairs: 1,
    rejected: { ungrounded: 1 },
    yieldFraction: 0.5,
    elapsedMs: 30_000,
    remainingMs: 570_000, // 38 more at 15 s
    spent,
  })
  expect(describeProgress(seen)).toBe('2 of 40 · 1 pairs (50 %) · 1 ungrounded · 9 requests, 81,234 tokens, 0.023 · 10 min left')
})

it('says what it knows without total and spent', () => {
  const seen = progress()(pair)
  expect(seen).toMatchObject({ done: 1, total: undefined, remainingMs: undefined, spent: undefined })
  expect(describeProgress(seen)).toBe('1 · 1 pairs (100 %)')
})
