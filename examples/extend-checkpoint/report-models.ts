// The models that the report shows, with their names and colours.
import { tunedLabel } from './arms.ts'
import type { Losses, Positions, Recall } from './measure.ts'
import type { Results } from './results.ts'
import { methodNames } from './sweep.ts'

interface Model {
  readonly name: string
  readonly colour: string
  readonly positions: Positions
  readonly losses?: Losses
  readonly recall?: Recall
}

/** Of a method, wherever on the page: the trained factor of the base, another one, another method. */
export function colourOf(label: string, { chosen, tried }: Results): string {
  const others = ['#0a7ea4', '#8a5a00', '#3fb6a8']
  const own: Readonly<Record<string, string>> = {
    unmodified: 'var(--rope)',
    [chosen]: 'var(--abf)',
    [methodNames.linear]: 'var(--pi)',
    [methodNames.ntk]: '#bf3989',
    [methodNames.yarn]: '#8250df',
  }
  const factors = tried.map(({ label }) => label).filter((label) => !(label in own))
  return own[label] ?? others[factors.indexOf(label) % others.length]!
}

const pale = (colour: string) => `color-mix(in srgb, ${colour} 50%, var(--bg))`

/** Every model that was measured, with the colour of its lines. */
export function models(results: Results): readonly Model[] {
  const { before, zeroShot, after, compared, repeated, tuned, chosen } = results
  return [
    {
      name: 'unmodified',
      colour: colourOf('unmodified', results),
      positions: before.losses.byPosition,
      losses: before.losses,
      recall: before.recall,
    },
    ...Object.entries(zeroShot).map(([label, positions]) => ({
      name: `${label}, before training`,
      colour: label === chosen ? 'var(--short)' : pale(colourOf(label, results)),
      positions,
    })),
    {
      name: `${chosen}, after training`,
      colour: colourOf(chosen, results),
      positions: after.losses.byPosition,
      losses: after.losses,
      recall: after.recall,
    },
    ...Object.entries(repeated).map(([name, losses]) => ({
      name,
      colour: pale(colourOf(chosen, results)),
      positions: losses.byPosition,
      losses,
    })),
    ...Object.entries(compared).map(([label, losses]) => ({
      name: `${label}, equal training`,
      colour: colourOf(label, results),
      positions: losses.byPosition,
      losses,
    })),
    ...(tuned ? [{ name: tunedLabel, colour: 'var(--tuned)', positions: tuned.losses.byPosition, ...tuned }] : []),
  ]
}

/** By name of a model. */
export const coloursOf = (results: Results) => Object.fromEntries(models(results).map(({ name, colour }) => [name, colour]))
