import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')

export interface Manifest {
  readonly name: string
  readonly exports: Record<string, string | Record<string, string>>
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

const all = readdirSync(join(root, 'packages')).map((name) => {
  const manifest: Manifest = JSON.parse(read('packages', name, 'package.json'))
  const entries = Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === 'string'
      ? []
      : [{ specifier: entry.replace('.', name), source: join('packages', name, target['@repo/source'] ?? '') }],
  )
  return { name, manifest, entries }
})

/** The packages, by folder name, which is also their name. Those with a binary and nothing else are not among them. */
export const packages = all.filter(({ entries }) => entries.length > 0)

/** Cells of the first Markdown table of `file` whose header starts with `header`, one array a row. */
export function table(file: string, header: string): string[][] {
  const lines = read(file).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|') && line.slice(1).trim().startsWith(header))
  const rows = lines.slice(first + 2, first === -1 ? 0 : undefined)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  return rows.slice(0, end === -1 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
