/**
 * Starts a package: `pnpm new-package <name> "<what it does, one sentence>"` copies scripts/template to packages/<name> and enters the
 * package where the root guards look for it. What it makes passes `pnpm check` and `pnpm test`.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const template = fileURLToPath(new URL('template', import.meta.url))

/** Makes the package in the repository at `root`. Throws, with nothing written, for a name that is taken or not kebab-case. */
export function newPackage(root: string, name: string, description: string): void {
  const folder = join(root, 'packages', name)
  if (!/^[a-z][a-z\d]*(-[a-z\d]+)*$/.test(name))
    throw new RangeError(`new-package: the name is '${name}'; it must be lower-case words joined by dashes, such as rope-abf.`)
  if (existsSync(folder)) throw new RangeError(`new-package: packages/${name} exists; choose another name.`)
  if (!/^[A-Z].*\.$/.test(description))
    throw new RangeError(`new-package: the description is '${description}'; pass one sentence with a capital and a full stop.`)

  const write = (file: string, text: string) => writeFileSync(join(root, file), text)
  const edit = (file: string, change: (text: string) => string) => write(file, change(readFileSync(join(root, file), 'utf8')))
  cpSync(template, folder, { recursive: true })
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (/\.\w+$/.test(file))
      edit(join('packages', name, file), (text) => text.replaceAll('__name__', name).replaceAll('__description__', description))

  edit('package.json', (text) => {
    const manifest: { devDependencies: Record<string, string> } = JSON.parse(text)
    const dependencies = Object.entries({ ...manifest.devDependencies, [name]: 'workspace:*' }).sort(([a], [b]) => (a < b ? -1 : 1))
    // only the list changes: the rest keeps its form
    return text.replace(
      /("devDependencies": \{\n).*?(\n {2}\})/s,
      (_, open, close) => `${open}${dependencies.map(([key, version]) => `    "${key}": "${version}"`).join(',\n')}${close}`,
    )
  })
  edit('ARCHITECTURE.md', (text) => addRow(text, `| [${name}](packages/${name}) | tensors | |`))
  edit('README.md', (text) => addRow(text, `| [${name}](packages/${name}) | ${description.slice(0, -1)} | 0.3 kB |`))
  write(`test/exports/${name}.txt`, `${name}\n  runningMean\n`)
  write(`.changeset/${name}.md`, `---\n"${name}": minor\n---\n\nFirst release: ${description[0]?.toLowerCase()}${description.slice(1)}\n`)
  // imports are sorted by the names of packages, tables are aligned
  execFileSync(
    join(template, '../../node_modules/.bin/biome'),
    ['check', '--write', '--vcs-enabled=false', folder, 'README.md', 'ARCHITECTURE.md'],
    { cwd: root, stdio: 'pipe' },
  )
}

/** `row` behind the last row of the table of packages. */
function addRow(text: string, row: string): string {
  const rows = [...text.matchAll(/^\| \[[\w-]+\]\(packages\/.*\n/gm)]
  const last = rows.at(-1)
  if (!last) throw new Error('new-package: found no table of packages')
  const end = last.index + last[0].length
  return `${text.slice(0, end)}${row}\n${text.slice(end)}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = '', description = ''] = process.argv.slice(2)
  newPackage(fileURLToPath(new URL('..', import.meta.url)), name, description)
  console.log(`packages/${name} is there, with a test of each kind. Next: pnpm test packages/${name}, then put your own idea in src/.`)
}
