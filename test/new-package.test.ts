// `pnpm new-package` in a copy of the repository: what it makes is formatted, type-checks, passes its own tests and the root guards.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newPackage } from '../scripts/new-package.ts'
import { root } from './support/workspace.ts'

const copy = mkdtempSync(join(tmpdir(), 'new-package-'))
const name = 'running-mean-of-rows'
afterAll(() => rmSync(copy, { recursive: true }))

function run(command: string, args: string[], cwd = copy) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('VITEST')))
  return promisify(execFile)(join(root, 'node_modules/.bin', command), args, { cwd, env: { ...env, CI: 'true' } })
}

beforeAll(() => {
  for (const entry of readdirSync(root).filter((entry) => !['.git', 'node_modules', 'examples', 'runs'].includes(entry)))
    cpSync(join(root, entry), join(copy, entry), { recursive: true, filter: (path) => !/\/(node_modules|dist)$/.test(path) })
  newPackage(copy, name, 'The mean of all rows so far.')
  // what `pnpm install` does next: the tools, and every package under its name
  mkdirSync(join(copy, 'node_modules'))
  for (const entry of readdirSync(join(root, 'node_modules')))
    symlinkSync(join(root, 'node_modules', entry), join(copy, 'node_modules', entry))
  symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules', name))
  writeFileSync(
    join(copy, 'tsconfig.new.json'),
    JSON.stringify({ extends: './tsconfig.base.json', include: [`packages/${name}`, 'tsup.preset.ts'] }),
  )
})

test('formatted', () => run('biome', ['check', '--vcs-enabled=false', `packages/${name}`, 'README.md', 'ARCHITECTURE.md', 'package.json']))
test('type-checks', () => run('tsc', ['-p', 'tsconfig.new.json']))
test('builds', () => run('tsup', [], join(copy, 'packages', name)))
test('passes its own tests', () => run('vitest', ['run', `packages/${name}`]))
test('passes the guards', () => run('vitest', ['run', 'test/architecture', 'test/bundle', 'test/exports', '-t', `${name}|table`]))
test('refuses a name that is taken, with nothing written', () =>
  expect(() => newPackage(copy, 'trainer', 'Again.')).toThrow('new-package: packages/trainer exists; choose another name.'))
