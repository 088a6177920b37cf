import { peerName, type Row } from './row.ts'
import type { Table, Work } from './work.ts'
import type { Recorded } from './write-results.ts'

/** RESULTS.md without what is written by hand. */
export function resultsPage(works: readonly Work[], runs: readonly Recorded[]): string {
  const parts = works.flatMap((work) => {
    const run = runs.find(({ work: name }) => name === work.name)
    return run ? [section(work, run)] : []
  })
  return `# Results

Made by \`pnpm bench --write\` from [bench/results](results); every line of a table is a process of its own, they take turns, and medians
are given. Ratios within one run count; absolute numbers are those of one machine at one moment. Goals are set before measuring, and
those that are missed are [explained below](#missed-goals).

![Roofline: attention, products and decoding on one thread, against the machine's peaks](roofline.svg)

${parts.join('\n')}`
}

function section({ name, about, goals, tables }: Work, run: Recorded): string {
  const { date, commit, machine, versions, load, seconds, absent, rows } = run
  const where = Object.entries(versions).map(([what, version]) => `${what} ${version}`)
  const measured = ({ gflops, gigabytesPerSecond }: Row) => gflops !== null || gigabytesPerSecond !== undefined
  const peaks = rows.filter((row) => row.case === 'peak' && measured(row)).map(peak)
  return `## ${name}

${about}

${date}, commit ${commit}, ${machine}; ${where.join(', ')}; load ${load.toFixed(1)} before, ${seconds} s${absent.length > 0 ? `; not installed: ${absent.join(', ')}` : ''}.${peaks.length > 0 ? `\nMachine: ${peaks.join(', ')}.` : ''}

${goalTable(goals(rows))}

${tables
  .map((table) => pivot(table, rows))
  .filter(Boolean)
  .join('\n\n')}
`
}

const peak = ({ peer, threads, gflops, gigabytesPerSecond }: Row) =>
  `${peer} on ${threads} thread${threads > 1 ? 's' : ''} ${gflops === null ? `${gigabytesPerSecond?.toFixed(1)} GB/s` : `${gflops.toFixed(0)} GFLOP/s`}`

const goalTable = (goals: ReturnType<Work['goals']>) =>
  markdown(
    ['goal', 'worst … best case', ''],
    goals.map(({ goal, value, met }) => [goal, value, met === null ? '' : met ? 'met' : '**missed**']),
  )

/** Peers by cases. */
function pivot({ title, cases, unit }: Table, rows: readonly Row[]): string {
  const chosen = rows.flatMap((row) => {
    const column = cases.exec(row.case)?.[1]
    return column === undefined ? [] : [{ row, column, line: peerName(row) }]
  })
  if (chosen.length === 0) return ''
  const columns = [...new Set(chosen.map(({ column }) => column))]
  const lines = [...new Set(chosen.map(({ line }) => line))].map((line) => [
    line,
    ...columns.map((column) => {
      const row = chosen.find((entry) => entry.line === line && entry.column === column)?.row
      return row ? cell(row, unit) : ''
    }),
  ])
  return `${title}, ${unit}\n\n${markdown(['', ...columns], lines)}`
}

function cell({ case: name, milliseconds, gflops, fractionOfPeak, gigabytesPerSecond, peakBytes, note }: Row, unit: Table['unit']): string {
  if (note !== undefined) return note.replace(/:.*/, '')
  const fraction = fractionOfPeak === null ? '' : ` (${(100 * fractionOfPeak).toFixed(0)} %)`
  const tokens = /(\d+) × (\d+) tokens/.exec(name)
  const values: Readonly<Record<Table['unit'], string | undefined>> = {
    ms: milliseconds === null ? undefined : number(milliseconds),
    'GFLOP/s': gflops === null ? undefined : `${number(gflops)}${fraction}`,
    'GB/s': gigabytesPerSecond === undefined ? undefined : `${number(gigabytesPerSecond)}${fraction}`,
    MiB: peakBytes === null ? undefined : (peakBytes / 2 ** 20).toFixed(0),
    'tokens/s': tokens && milliseconds !== null ? number((Number(tokens[1]) * Number(tokens[2]) * 1000) / milliseconds) : undefined,
  }
  return values[unit] ?? ''
}

const number = (value: number) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(value < 0.1 ? 2 : 3))

/** Padded, as a formatter would. */
function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(3, cell.length, ...lines.map((line) => line[i]?.length ?? 0)))
  const row = (cells: readonly string[]) => `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`
  return [row(head), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n')
}
