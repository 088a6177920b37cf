import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ByteWriter } from 'hyparquet-writer'
import { pack as packRows } from '../pack.ts'
import { type PackAllOptions, packAll } from '../pack-all.ts'
import type { PackOptions } from '../pack-options.ts'
import { writeRows } from '../parquet/write-rows.ts'
import { count, percent } from '../report/plots.ts'
import { checkSame } from '../resumable.ts'
import type { Document, Json, Resumable, Row, Stored } from '../types.ts'
import type { Command } from './command.ts'
import { named } from './mix.ts'
import { documentsOf, fingerprint, openMix, openSources, partsOf } from './mix-file.ts'
import { progress } from './progress.ts'
import { reader } from './values.ts'
import { writeWhole } from './write-file.ts'

const strategies = ['best-fit', 'all', 'first-fit', 'concat', 'pad', 'chunk'] as const

/** Where a run stands, after its last whole file. */
interface Standing {
  readonly settings: { readonly [key: string]: Json }
  readonly files: number
  readonly rows: number
  readonly tokens: number
  readonly done: boolean
  readonly state: Json
}

export const pack: Command = {
  name: 'pack',
  summary:
    'Packs tokenised documents into rows and writes them as Parquet, which datasets reads and transformers and TRL train on (axolotl with an attention_mask of ones). Stop it whenever you like: the same command goes on after the last whole file.',
  usage: 'MIX.json | [NAME=]PATH … --out FOLDER --row-length N [options]',
  options: {
    out: { type: 'string', about: 'folder for rows-00000.parquet …' },
    'row-length': { type: 'string', about: 'tokens of a row' },
    strategy: {
      type: 'string',
      fallback: 'best-fit',
      about: `${strategies.join(', ')}; all: every document is known before the first row, so files only and no mix`,
    },
    buffer: { type: 'string', fallback: '10000', about: 'documents known ahead, for best-fit' },
    overlap: { type: 'string', fallback: '0', about: 'tokens repeated where a document is cut' },
    overlong: { type: 'string', fallback: 'split', about: 'a document longer than a row: split, truncate or refuse' },
    segments: { type: 'string', fallback: 'document', about: 'for concat; row: attention crosses the borders of documents' },
    padding: { type: 'string', fallback: 'keep', about: 'keep or drop' },
    'padding-token': { type: 'string', fallback: '0', about: 'fills the rest of a row' },
    tokens: { type: 'string', about: 'stop after so many; needed for a mix without an end' },
    'rows-per-file': { type: 'string', about: 'rows of a file (default: about 8 million tokens)' },
    seed: { type: 'string', fallback: '1', about: 'order of the documents of files; a mix has its own' },
  },
  async run(values, positionals) {
    const options = reader(values)
    const out = options.required('out', 'rows')
    const rowLength = Number(options.required('row-length', '4096'))
    const strategy = options.oneOf('strategy', strategies, 'best-fit')
    const seed = options.count('seed', Number.MIN_SAFE_INTEGER) ?? 1
    const { sources, documents, endless, total } = await inputOf(positionals, seed)
    const wanted = options.count('tokens')
    if (endless && wanted === undefined)
      throw new RangeError('pack: the mix has no end; say how much is wanted with --tokens, or give every source --max-epochs.')
    const rows = rowsOf(sources, documents, { strategy, rowLength, seed, options })
    const perFile = options.count('rows-per-file') ?? Math.max(1, Math.floor(2 ** 23 / rowLength))
    const padding = options.oneOf('padding', ['keep', 'drop'], 'keep')
    const paddingToken = options.count('padding-token', 0) ?? 0
    const limit = wanted ?? Number.POSITIVE_INFINITY // what overlaps is counted twice, so the sum of the documents is no limit
    const expected = wanted ?? total
    const settings = { rowLength, strategy, perFile, padding, tokens: wanted ?? null, data: fingerprint(sources) }
    if (options.flag('dry-run'))
      return console.log(
        `would pack ${count(total)} tokens into about ${count(Math.ceil(expected / rowLength))} rows of ${count(rowLength)}, ${count(Math.ceil(expected / rowLength / perFile))} files in ${out}`,
      )
    mkdirSync(out, { recursive: true })
    let standing: Standing = { settings, files: 0, rows: 0, tokens: 0, done: false, state: rows.state() }
    const standingPath = join(out, 'state.json')
    if (existsSync(standingPath)) {
      standing = JSON.parse(readFileSync(standingPath, 'utf8'))
      checkSame(`pack ${out}`, standing.settings, settings)
      rows.restore(standing.state)
      console.log(standing.done ? `${out} is complete` : `going on after ${count(standing.files)} files, ${count(standing.rows)} rows`)
    }
    const bar = progress('packing', expected, standing.tokens)
    while (!standing.done) {
      const group: Row[] = []
      let { tokens } = standing
      while (group.length < perFile && tokens < limit) {
        const { value, done } = rows.next()
        if (done) break
        group.push(value)
        tokens += value.segmentIds.reduce((sum, id) => sum + (id > 0 ? 1 : 0), 0)
        bar.update(tokens, `${count(standing.rows + group.length)} rows`)
      }
      if (standing.files === 0 && group.length === 0)
        throw new RangeError(`pack: no document fills a row of ${rowLength} tokens. Choose a shorter --row-length, or another --strategy.`)
      if (group.length > 0) {
        const writer = new ByteWriter()
        await writeRows(group, writer, { padding, paddingToken })
        writeWhole(join(out, `rows-${String(standing.files).padStart(5, '0')}.parquet`), writer.getBytes())
      }
      standing = {
        ...standing,
        files: standing.files + (group.length > 0 ? 1 : 0),
        rows: standing.rows + group.length,
        tokens,
        done: group.length < perFile || tokens >= limit,
        state: rows.state(),
      }
      writeWhole(standingPath, JSON.stringify(standing))
    }
    bar.stop()
    const { files, rows: numRows, tokens } = standing
    console.log(
      `${count(numRows)} rows of ${count(rowLength)} tokens, ${percent(tokens / (numRows * rowLength), 2)} full, in ${count(files)} files in ${out}`,
    )
  },
}

async function inputOf(paths: readonly string[], seed: number) {
  if (paths.length === 0) throw new RangeError('pack: nothing to pack; name a mix file, or files of tokens.')
  const isMix = paths.length === 1 && paths[0]!.endsWith('.json')
  if (isMix) {
    const { file, sources, parts } = await openMix(paths[0]!)
    const endless = Object.values(parts).some(({ source }) => file.maxEpochs[source] === undefined)
    const total = Object.values(parts).reduce((sum, { source, indices }) => {
      const { lengths } = sources[source]!
      return sum + (file.maxEpochs[source] ?? 1) * indices.reduce((tokens, i) => tokens + lengths[i]!, 0)
    }, 0)
    return { sources, documents: documentsOf(sources, parts, file), endless, total }
  }
  const sources = await openSources(Object.fromEntries(paths.map(named)))
  const parts = partsOf({ arm: 'default', longFrom: 1 }, sources)
  const maxEpochs = Object.fromEntries(Object.keys(sources).map((name) => [name, 1]))
  const total = Object.values(sources).reduce((sum, { lengths }) => sum + Array.from(lengths).reduce((a, b) => a + b, 0), 0)
  return { sources, documents: documentsOf(sources, parts, { seed, maxEpochs }), endless: false, total }
}

interface RowSettings {
  readonly strategy: (typeof strategies)[number]
  readonly rowLength: number
  readonly seed: number
  readonly options: ReturnType<typeof reader>
}

function rowsOf(
  sources: Readonly<Record<string, Stored<Document>>>,
  documents: Resumable<Document>,
  { strategy, rowLength, seed, options }: RowSettings,
): Resumable<Row> {
  const overlong = options.oneOf('overlong', ['split', 'truncate', 'refuse'], 'split')
  const shared: Omit<PackAllOptions, 'seed'> = {
    rowLength,
    overlap: options.count('overlap', 0) ?? 0,
    paddingToken: options.count('padding-token', 0) ?? 0,
  }
  if (strategy === 'all') return packAll(joined(Object.values(sources)), { ...shared, overlong, seed })
  const made: PackOptions =
    strategy === 'concat'
      ? { ...shared, strategy, segments: options.oneOf('segments', ['document', 'row'], 'document') }
      : strategy === 'chunk'
        ? { ...shared, strategy }
        : strategy === 'best-fit'
          ? { ...shared, strategy, overlong, buffer: options.count('buffer') ?? 10_000 }
          : { ...shared, strategy, overlong }
  return packRows(documents, made)
}

/** Sources one after the other. */
function joined(sources: readonly Stored<Document>[]): Stored<Document> {
  const all = sources.flatMap(({ lengths }) => Array.from(lengths))
  return {
    lengths: all,
    at(index) {
      let from = 0
      for (const { lengths, at } of sources) {
        if (index < from + lengths.length) return at(index - from)
        from += lengths.length
      }
      throw new RangeError(`there is no document ${index}`)
    },
  }
}
