import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parquetMetadataAsync, parquetSchema } from 'hyparquet'
import { lengthReport } from '../length-report.ts'
import { pack } from '../pack.ts'
import { readRows } from '../parquet/read-rows.ts'
import { reportPage } from '../report/page.ts'
import { count, percent } from '../report/plots.ts'
import { compareStrategies } from '../report/strategies.ts'
import type { Document, Row } from '../types.ts'
import { utilisation } from '../utilisation.ts'
import type { Command } from './command.ts'
import { named } from './mix.ts'
import { lengthsOf, openSources } from './mix-file.ts'
import { fileBuffer, type TokenSource } from './token-files.ts'
import { reader } from './values.ts'
import { writeWhole } from './write-file.ts'

export const inspect: Command = {
  name: 'inspect',
  summary: 'Says what tokenised documents or packed rows hold, and how full rows of every strategy would be.',
  usage: '[NAME=]PATH … [options]',
  options: {
    'row-length': { type: 'string', fallback: '4096, or that of the rows', about: 'tokens of a row' },
    buffer: { type: 'string', fallback: '10000', about: 'documents known ahead in one of the strategies' },
    rows: { type: 'string', fallback: '3', about: 'rows that are drawn' },
    html: { type: 'string', about: 'also a report' },
  },
  async run(values, positionals) {
    const options = reader(values)
    if (positionals.length === 0) throw new RangeError('inspect: nothing to look at; name files of tokens, or of rows.')
    const html = options.text('html')
    const drawn = options.count('rows', 0) ?? 3
    const buffer = options.count('buffer') ?? 10_000
    const paths = Object.fromEntries(positionals.map(named))
    const rowFiles = await rowFilesOf(Object.values(paths))
    const page =
      rowFiles.length > 0
        ? await lookAtRows(rowFiles, drawn)
        : lookAtDocuments(await openSources(paths), options.count('row-length', 2) ?? 4096, buffer, drawn)
    if (html === undefined) return
    if (options.flag('dry-run')) return console.log(`would write ${html}`)
    writeWhole(html, reportPage({ title: `seq-packer: ${positionals.join(', ')}`, ...page }))
    console.log(`wrote ${html}`)
  },
}

/** Parquet files of packed rows: those with seq_lengths or position_ids. */
async function rowFilesOf(paths: readonly string[]): Promise<string[]> {
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) throw new RangeError(`${path} does not exist. Is the path right?`)
    return statSync(path).isDirectory()
      ? readdirSync(path)
          .sort()
          .map((name) => join(path, name))
      : [path]
  })
  const found: string[] = []
  for (const file of files.filter((name) => name.endsWith('.parquet'))) {
    const names = parquetSchema(await parquetMetadataAsync(fileBuffer(file))).children.map(({ element }) => element.name)
    if (names.includes('seq_lengths') || names.includes('position_ids')) found.push(file)
  }
  return found
}

async function lookAtRows(files: readonly string[], drawn: number) {
  const segments: number[] = []
  const kept: { readonly row: Row; readonly segments: number }[] = []
  const total = { rows: 0, tokens: 0, padding: 0, segments: 0, lossTokens: 0 }
  for (const file of files)
    for await (const row of readRows(fileBuffer(file))) {
      const { fraction: _, ...own } = utilisation([row])
      // drawn are those with the most segments, of which there is the most to see
      kept.push({ row, segments: own.segments })
      kept.sort((a, b) => b.segments - a.segments).splice(drawn)
      for (const key of ['rows', 'tokens', 'padding', 'segments', 'lossTokens'] as const) total[key] += own[key]
      let from = 0
      for (let t = 1; t <= row.segmentIds.length; t++)
        if (row.segmentIds[t] !== row.segmentIds[from]) {
          if (row.segmentIds[from] !== 0) segments.push(t - from)
          from = t
        }
    }
  const packed = { ...total, fraction: total.tokens / (total.tokens + total.padding) }
  const rowLength = (total.tokens + total.padding) / total.rows
  const lengths = lengthReport({ segments })
  console.log(
    `${count(packed.rows)} rows of ${count(rowLength)} tokens, ${percent(packed.fraction, 2)} full\n` +
      `${count(packed.tokens)} tokens in ${count(packed.segments)} segments, ${count(packed.lossTokens)} with loss, ${count(packed.padding)} padding`,
  )
  return { lengths, rowLength, packed, rows: kept.map(({ row }) => row) }
}

function lookAtDocuments(sources: Readonly<Record<string, TokenSource>>, rowLength: number, buffer: number, drawn: number) {
  const report = lengthReport(lengthsOf(sources))
  const lengths = Uint32Array.from(Object.values(sources).flatMap((own) => Array.from(own.lengths)))
  const sorted = lengths.slice().sort()
  const at = (part: number) => count(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!)
  console.log(
    `${count(report.documents)} documents, ${count(report.tokens)} tokens; half have at most ${at(0.5)}, one of ten more than ${at(0.9)}, the longest ${at(1)}`,
  )
  for (const { length, share } of report.beyond.filter(({ length }) => length >= 1024))
    console.log(`  in documents of at least ${count(length).padStart(10)} tokens: ${percent(share).padStart(7)}`)
  const strategies = compareStrategies(lengths, rowLength, buffer)
  console.log(`rows of ${count(rowLength)} tokens:`)
  for (const { name, rows, fraction, cut, dropped } of strategies)
    console.log(
      `  ${name.padEnd(34)} ${count(rows).padStart(10)} rows ${percent(fraction, 2).padStart(9)} full, ${count(cut)} documents cut${dropped > 0 ? `, ${count(dropped)} tokens dropped` : ''}`,
    )
  const documents = function* (): Generator<Document> {
    for (const source of Object.values(sources)) for (let i = 0; i < source.lengths.length; i++) yield source.at(i)
  }
  const rows: Row[] = []
  const packed = pack(documents(), { strategy: 'best-fit', rowLength, buffer: Math.min(buffer, 1000) })
  while (rows.length < drawn) {
    const { value, done } = packed.next()
    if (done) break
    rows.push(value)
  }
  return { lengths: report, rowLength, strategies, rows }
}
