/**
 * Packs every package, as publishing would, and uses the tarballs the way a stranger does: publint and are-the-types-wrong on each,
 * then an empty npm project that installs all of them with tfjs, imports and requires every entry, compiles against the types and
 * runs what the READMEs show. Needs `pnpm build` first. `--keep` leaves the project behind and prints where it is.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { blocksOf } from '../test/support/readme.ts'
import { packages, root } from '../test/support/workspace.ts'

const bin = (name: string) => join(root, 'node_modules/.bin', name)
const project = mkdtempSync(join(tmpdir(), 'pack-check-'))
const failures: string[] = []
const pnpm = process.env.npm_execpath ?? '' // set by whoever runs scripts of package.json
if (!pnpm.includes('pnpm')) throw new Error('pack-check runs through pnpm: `pnpm pack:check`')

/** Runs a check; a failed one is told and counted, and the others still run. */
function check(what: string, body: () => void): void {
  try {
    body()
    console.log(`ok      ${what}`)
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    console.log(`FAILED  ${what}\n${(`${stdout}${stderr}`.trim() || message).replaceAll(/^/gm, '        ')}`)
    failures.push(what)
  }
}
function run(command: string, args: readonly string[], cwd = project): string {
  // an own environment, so that pnpm's settings do not reach npm
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|pnpm_|NODE_OPTIONS)/i.test(key)))
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 26 })
}
const expectEqual = (actual: unknown, expected: unknown) => {
  if (JSON.stringify(actual) !== JSON.stringify(expected))
    throw new Error(`got ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
}

// ---- each tarball ------------------------------------------------------------------------------------------------------------------
const tarballs = packages.map(({ name, manifest }) => {
  const folder = join(root, 'packages', name)
  if (!existsSync(join(folder, 'dist'))) throw new Error(`packages/${name} has no dist; run pnpm build first.`)
  run(process.execPath, [pnpm, 'pack', '--pack-destination', project], folder)
  const tarball = join(project, `${name}-${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version}.tgz`)
  const files = run('tar', ['-tzf', tarball]).split('\n')
  check(`${name}: LICENSE, README and every entry are in the tarball`, () => {
    const entries = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)))
    const wanted = ['LICENSE', 'README.md', ...entries].map((file) => join('package', file))
    expectEqual(
      wanted.filter((file) => !files.includes(file)),
      [],
    )
  })
  check(`${name}: nothing but dist, src and native besides`, () =>
    expectEqual(
      files.filter((file) => file && !/^package\/(dist|src|native|LICENSE|README\.md|CHANGELOG\.md|package\.json)/.test(file)),
      [],
    ),
  )
  check(`${name}: publint`, () => run(bin('publint'), [tarball, '--strict']))
  check(`${name}: are the types wrong`, () => run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']))
  return tarball
})

// ---- a stranger's project -----------------------------------------------------------------------------------------------------------
writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
// what the packages ask of their user: tfjs-core comes with tfjs, at the version the workspace has
const peers = Object.entries(
  Object.assign({}, ...packages.map(({ manifest }) => manifest.peerDependencies ?? {})) as Record<string, string>,
)
const { version } = JSON.parse(readFileSync(join(root, 'node_modules/@tensorflow/tfjs/package.json'), 'utf8'))
const wanted = peers.map(([name, range]) => (name === '@tensorflow/tfjs-core' ? `@tensorflow/tfjs@${version}` : `${name}@${range}`))
run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs, ...wanted])

const specifiers = packages.flatMap(({ entries }) => entries.map(({ specifier }) => specifier))
check('exactly one tfjs-core', () => {
  const folders = readdirSync(join(project, 'node_modules'), { recursive: true, encoding: 'utf8' })
  expectEqual(
    folders.filter((folder) => folder.endsWith('@tensorflow/tfjs-core')),
    ['@tensorflow/tfjs-core'],
  )
})
for (const specifier of specifiers) {
  const names = JSON.stringify(namesOf(specifier))
  const compare = `if (Object.keys(entry).sort().join() !== ${names}) throw new Error('exports ' + Object.keys(entry))`
  check(`import '${specifier}'`, () => run('node', ['--input-type=module', '-e', `const entry = await import('${specifier}'); ${compare}`]))
  check(`require('${specifier}')`, () =>
    run('node', [
      '--disable-warning=ExperimentalWarning',
      '--input-type=commonjs',
      '-e',
      `const entry = require('${specifier}'); ${compare}`,
    ]),
  )
}

/** The values an entry exports, joined, from the golden file of test/exports. */
function namesOf(specifier: string): string {
  const lines = readFileSync(join(root, 'test/exports', `${specifier.split('/')[0]}.txt`), 'utf8').split('\n')
  const own = lines.slice(lines.indexOf(specifier) + 1)
  const end = own.findIndex((line) => !line.startsWith('  '))
  return own
    .slice(0, end)
    .map((line) => line.trim())
    .filter((name) => !name.startsWith('type '))
    .sort()
    .join()
}

// ---- types and examples --------------------------------------------------------------------------------------------------------------
mkdirSync(join(project, 'examples'))
const examples = packages.flatMap(({ name }) =>
  blocksOf(`packages/${name}/README.md`).map((block, i) => ({ ...block, name: `${name}-${i}` })),
)
for (const { name, code } of examples) writeFileSync(join(project, 'examples', `${name}.mts`), code)
const all = specifiers.map((specifier, i) => `import * as entry${i} from '${specifier}'\nvoid entry${i}\n`).join('')
writeFileSync(join(project, 'examples', 'all-entries.mts'), all)
const options = {
  target: 'es2022',
  lib: ['es2023', 'dom', 'dom.iterable'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
}
for (const [moduleResolution, module] of [
  ['bundler', 'esnext'],
  ['nodenext', 'nodenext'],
] as const)
  check(`TypeScript, strict, ${moduleResolution}: every entry and every README example`, () => {
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, module, moduleResolution }, include: ['examples'] }),
    )
    let output = ''
    try {
      run(bin('tsc'), ['-p', '.', '--pretty', 'false'])
    } catch (error) {
      output = (error as Error & { stdout: string }).stdout
    }
    // tfjs 4.22's own declarations do not pass skipLibCheck: false; ours have to
    expectEqual(
      output.split('\n').filter((line) => /^\S.*error TS/.test(line) && !line.startsWith('node_modules/@tensorflow/')),
      [],
    )
  })
for (const { title, name, code } of examples.filter(({ code }) => /from '(rope-abf|trainer)/.test(code)))
  check(`runs from the tarballs: ${title}`, () => {
    writeFileSync(join(project, 'examples', `${name}.mjs`), transformSync(code, { loader: 'ts' }).code)
    if (run('node', [join('examples', `${name}.mjs`)]).trim() === '') throw new Error('it prints nothing')
  })

if (process.argv.includes('--keep')) console.log(`\nkept ${project}`)
else rmSync(project, { recursive: true })
console.log(failures.length === 0 ? `\n${packages.length} packages are fit to publish` : `\n${failures.length} checks failed`)
process.exitCode = failures.length === 0 ? 0 : 1
