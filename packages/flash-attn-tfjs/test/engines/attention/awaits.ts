import { engine } from '../../../../../test/support/engine.ts'

/** What engines do not do yet, by parts of names of tests, which are skipped there until they do. */
const awaited: Readonly<Record<string, readonly string[]>> = {
  webgpu: ['a key', 'a query', 'a number', 'numbers of', 'nobody sees', '−∞ only', '−1e31'], // 0 · NaN in tiles that are masked in part
  node: ['−1e31'], // score · c − max · c is off by 2^-24 of the score, which is far more than 1 here
}

export function isAwaited(test: string): boolean {
  const kind = Object.keys(awaited).find((kind) => engine.name.includes(kind))
  return kind !== undefined && awaited[kind]!.some((part) => test.includes(part))
}
