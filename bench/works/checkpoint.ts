import { goalOf, percent } from '../goals.ts'
import type { Case } from '../measure.ts'
import { inputOf, nameOf, recipe, smol } from '../models.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const parts = ['step', 'step while saving', 'copy', 'save', 'raw write'] as const

const cases = (quick: boolean): Case[] =>
  [quick ? recipe : smol].map((model) => ({
    name: nameOf(model),
    work: 'checkpoint',
    input: { ...inputOf(model), steps: 6 },
    peers: [peer('ours')],
    flops: Object.fromEntries(parts.map((part) => [part, 0])),
  }))

function goals(rows: readonly Row[]): Goal[] {
  const ratio = (over: string, under: string) => {
    const [a, b] = [over, under].map((part) => rows.find((row) => row.case.startsWith(`${part} 1 ×`)))
    return a?.milliseconds && b?.milliseconds ? [{ case: a.case, value: a.milliseconds / b.milliseconds }] : []
  }
  return [
    goalOf({
      goal: '135M parameters with moments: a step takes ≤ 5 % longer while a save is under way',
      values: ratio('step', 'step while saving'),
      atLeast: 1 / 1.05,
      format: (value) => `${(100 * (1 / value - 1)).toFixed(1)} %`,
    }),
    goalOf({ goal: 'saving reaches ≥ 60 % of what the disk writes', values: ratio('raw write', 'save'), atLeast: 0.6, format: percent }),
  ]
}

export const checkpoint: Work = {
  name: 'checkpoint',
  about:
    'A checkpoint of parameters and AdamW’s moments, 12 bytes a parameter: a step alone and while one is written in the background, the copy that training waits for then, a save in the foreground (hashes included), and the same bytes only written and synced.',
  cases,
  limits: { rounds: 2, turnMs: 100, spendMs: 120_000, capMs: 300_000 },
  goals,
  tables: [{ title: 'Times', cases: /^(.*tokens.*)$/, unit: 'ms' }],
}
