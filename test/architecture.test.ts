// The table in ARCHITECTURE.md is the rule: what it does not allow, nobody imports.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { packages, read, root, table } from './support/workspace.ts'

const rule = new Map(
  table('ARCHITECTURE.md', 'package').map(([name, kind, imports]) => [
    name?.match(/\[(.+)\]/)?.[1],
    { pure: kind?.startsWith('pure'), edges: imports?.match(/[a-z][\w-]+/g) ?? [] },
  ]),
)
const names = packages.map(({ name }) => name)
const imports = (file: string) => ts.preProcessFile(read(file), true, true).importedFiles.map(({ fileName }) => fileName)
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

/** Everything that `file` imports by name, directly or through files of its own package. */
function reach(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  return imports(file).flatMap((name) => (name.startsWith('.') ? reach(join(dirname(file), name), seen) : [packageOf(name)]))
}

test('the table of ARCHITECTURE.md has every package, each below the ones it imports', () => {
  const rows = [...rule.keys()]
  expect(rows.toSorted()).toEqual(names)
  for (const [name, { edges }] of rule)
    for (const edge of edges) expect(rows.indexOf(edge), `${name} → ${edge}`).toBeLessThan(rows.indexOf(name))
})

describe.each(packages)('$name', ({ name, manifest, entries }) => {
  const { dependencies = {}, peerDependencies = {} } = manifest
  const declared = Object.keys({ ...dependencies, ...peerDependencies })

  test('package.json depends on the packages of its row, no more and no fewer', () =>
    expect(declared.filter((dependency) => names.includes(dependency)).toSorted()).toEqual(rule.get(name)?.edges.toSorted()))

  test('src imports only itself, Node and what package.json declares', () => {
    const files = readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    )
    for (const file of files)
      for (const specifier of imports(join('packages', name, 'src', file)))
        if (!/^(\.\.?\/|node:)/.test(specifier)) expect(declared, `${file} imports ${specifier}`).toContain(packageOf(specifier))
  })

  if (rule.get(name)?.pure)
    test('its main entry is pure: no tfjs', () =>
      expect(reach(entries[0]!.source).filter((specifier) => specifier.startsWith('@tensorflow/'))).toEqual([]))
})
