import { peerName, type Row } from './row.ts'

const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2))
const cell = (value: number | null | undefined, format = digits) => (value === null || value === undefined ? '' : format(value))

/** One case: a line for each peer. */
export function caseTable(rows: readonly Row[]): string {
  const bandwidth = rows.some((row) => row.gigabytesPerSecond !== undefined)
  const lines = [
    [rows[0]?.case ?? '', 'ms', bandwidth ? 'GB/s' : 'GFLOP/s', 'of peak', '× ours', 'MiB'],
    ...rows.map((row) => [
      `  ${peerName(row)}`,
      row.note ?? cell(row.milliseconds),
      cell(bandwidth ? row.gigabytesPerSecond : row.gflops),
      cell(row.fractionOfPeak, (value) => `${(100 * value).toFixed(0)} %`),
      cell(row.ratio, (value) => value.toFixed(2)),
      cell(row.peakBytes, (bytes) => (bytes / 2 ** 20).toFixed(0)),
    ]),
  ]
  return lines.map(([name, ...cells]) => `${name!.padEnd(40)}${cells.map((text) => text.padStart(10)).join('')}`.trimEnd()).join('\n')
}
