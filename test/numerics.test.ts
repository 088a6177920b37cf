// docs/numerics.md explains every tolerance that a test uses, and none that no test uses.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packages, read, root, table } from './support/workspace.ts'

const numbers = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, number]) => Number(number)))].toSorted((a, b) => a - b)
const explained = new Map(
  table('docs/numerics.md', 'tests').map(([name, tolerances]) => [name, numbers(tolerances ?? '', /`([\d.e-]+)`/g)]),
)
const used = new Map(
  packages.flatMap(({ name }) =>
    readdirSync(join(root, 'packages', name, 'test'))
      .filter((file) => file.endsWith('.test.ts'))
      .map(
        (file) =>
          [
            `${name}/${file.replace('.test.ts', '')}`,
            numbers(read('packages', name, 'test', file), /\b[ar]tol\s*[:=]\s*([\d.]+e-\d+)/g),
          ] as const,
      )
      .filter(([, tolerances]) => tolerances.length > 0),
  ),
)

test('every test file with tolerances has a row, every row a file', () =>
  expect([...explained.keys()].toSorted()).toEqual([...used.keys()].toSorted()))

test.each([...used])('%s', (name, tolerances) =>
  expect(explained.get(name), 'the tolerances of its row in docs/numerics.md').toEqual(tolerances),
)
