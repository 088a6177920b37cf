import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'

export interface SourceFile {
  readonly path: string
  /** For ids: relative to the folder that was named. */
  readonly name: string
  readonly source: string
  readonly kind: 'text' | 'jsonl' | 'parquet'
  readonly compression: 'gz' | 'zst' | undefined
  readonly bytes: number
}

// .json.gz holds lines, as C4's files do; .json alone is a setting more often than a text
const ending = /\.(?:(txt|md|jsonl|ndjson|json(?=\.))(?:\.(gz|zst))?|parquet)$/
const endings = '.txt, .md, .jsonl (each also with .gz or .zst) or .parquet'
// as in train-00000-of-00004.parquet, data/test.jsonl, validation/part-1.parquet
const splitName = /(?:^|[/._-])(train|training|test|validation|valid|val|dev|eval)(?=[/._-])/i

/**
 * The files of paths, folders with all below them, in the order of their names. In a folder with JSONL or Parquet a README.md
 * is the dataset's card and no document.
 * @throws RangeError for a path that does not exist, a file of another kind, a folder without documents or with several splits.
 */
export function sourceFiles(who: string, paths: readonly string[], source?: string, split?: string): SourceFile[] {
  if (paths.length === 0) throw new RangeError(`${who}: there are no paths; name at least one file or folder.`)
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) throw new RangeError(`${who}: ${path} does not exist. Name a file or a folder.`)
    const named = source ?? basename(resolve(path)).replace(ending, '')
    if (statSync(path).isDirectory()) return filesIn(who, path, named, split)
    if (!ending.test(path)) throw new RangeError(`${who}: ${path} is no ${endings} file. Convert or rename it.`)
    return [fileAt(path, basename(path), named)]
  })
  refuseSameIds(who, files)
  return files
}

function refuseSameIds(who: string, files: readonly SourceFile[]): void {
  const paths = new Map<string, string>()
  for (const { path, name, source } of files) {
    const key = `${source}\0${name}`
    if (paths.has(key))
      throw new RangeError(`${who}: documents of ${paths.get(key)} and ${path} would have the same ids. Name a folder above both.`)
    paths.set(key, path)
  }
}

function filesIn(who: string, folder: string, source: string, split: string | undefined): SourceFile[] {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  const all = found
    .filter((path) => ending.test(path) && statSync(path, { throwIfNoEntry: false })?.isFile()) // also through links, of which Hugging Face's cache is made
    .map((path) => fileAt(path, relative(folder, path).split(sep).join('/'), source))
    .filter(({ name }) => !/(^|\/)\./.test(name)) // .git, .cache
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const isDataset = all.some(({ kind }) => kind !== 'text')
  const files = isDataset ? all.filter(({ name }) => name !== 'README.md') : all
  if (files.length === 0) {
    const remedy = found.some((path) => path.endsWith('.arrow')) ? ' Write its Arrow files as Parquet: `dataset.to_parquet(path)`.' : ''
    throw new RangeError(`${who}: ${folder} holds no ${endings} file.${remedy}`)
  }
  const splits = [...new Set(files.flatMap(({ kind, name }) => (kind === 'text' ? [] : [splitOf(name)])))]
  if (split !== undefined) {
    const chosen = files.filter(({ name }) => splitOf(name) === split)
    if (chosen.length > 0) return chosen
    throw new RangeError(
      `${who}: ${folder} has no split '${split}'; it has ${splits.filter((name) => name !== undefined).join(', ') || 'none'}.`,
    )
  }
  if (splits.length > 1)
    throw new RangeError(
      `${who}: ${folder} has the splits ${splits.map((name) => name ?? 'without a name').join(', ')}. Choose one by split, or name the files.`,
    )
  return files
}

const splitOf = (name: string): string | undefined => splitName.exec(name)?.[1]?.toLowerCase()

function fileAt(path: string, name: string, source: string): SourceFile {
  const [, kind, compression] = ending.exec(path)!
  return {
    path,
    name,
    source,
    kind: kind === undefined ? 'parquet' : kind.includes('json') ? 'jsonl' : 'text',
    compression: compression === 'gz' || compression === 'zst' ? compression : undefined,
    bytes: statSync(path).size,
  }
}
