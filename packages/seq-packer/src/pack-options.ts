import { checkCount } from './check.ts'

interface EveryStrategy {
  /** Tokens of a row, at least 2. */
  readonly rowLength: number
  /** Fills the rest of a row; default 0. Its segment is 0 and its loss weight is 0. */
  readonly paddingToken?: number
  /**
   * Tokens before a cut that are repeated after it, as context with loss weight 0; below rowLength, default 0. From 1 on every token but
   * the first of a document is predicted exactly once, however often it is cut.
   */
  readonly overlap?: number
}

interface WholeDocuments extends EveryStrategy {
  /**
   * What becomes of a document longer than a row: 'split' (default) makes pieces of `rowLength` and a rest, 'truncate' drops its end,
   * 'refuse' throws.
   */
  readonly overlong?: 'split' | 'truncate' | 'refuse'
}

/** One document after another without a gap; what does not fit goes on in the next row. Only the very last row is padded. */
export interface ConcatOptions extends EveryStrategy {
  readonly strategy: 'concat'
  /** A segment is a 'document' (default), or the whole 'row': positions run through it and attention crosses the borders of documents. */
  readonly segments?: 'document' | 'row'
}

/** Whole documents into the oldest row that has room. */
export interface FirstFitOptions extends WholeDocuments {
  readonly strategy: 'first-fit'
  /** Rows kept open at a time; the oldest leaves when one more is needed. Default 64. */
  readonly openRows?: number
}

/** Whole documents and rows so that the least room is left: each into the row with the least room, or, with `buffer`, each row by the longest that fit. */
export interface BestFitOptions extends WholeDocuments {
  readonly strategy: 'best-fit'
  /** As in 'first-fit'. */
  readonly openRows?: number
  /**
   * Documents, or pieces of them, that are read ahead, instead of rows kept open: a row starts with the oldest and takes the longest that
   * fits, again and again. Of ten thousand rows are full to the per mille; no document waits for more than `buffer` rows.
   */
  readonly buffer?: number
}

/** One document per row. */
export interface PadOptions extends WholeDocuments {
  readonly strategy: 'pad'
}

/** Every row is one stretch of one document, and full: what is left of a document, and one shorter than a row, is dropped. */
export interface ChunkOptions extends EveryStrategy {
  readonly strategy: 'chunk'
}

export type PackOptions = ConcatOptions | FirstFitOptions | BestFitOptions | PadOptions | ChunkOptions

/** Every setting that decides which rows come out. */
export interface PackSettings {
  readonly strategy: PackOptions['strategy']
  readonly rowLength: number
  readonly paddingToken: number
  readonly overlap: number
  readonly segments: 'document' | 'row'
  readonly overlong: 'split' | 'truncate' | 'refuse'
  readonly openRows: number
  /** 0: none. */
  readonly buffer: number
}

const none = { segments: 'document', overlong: 'split', openRows: 0, buffer: 0, overlap: 0 } as const
const defaults = {
  concat: { ...none, openRows: 1 },
  'first-fit': { ...none, openRows: 64 },
  'best-fit': { ...none, openRows: 64 },
  pad: none,
  chunk: none,
} as const

const fits = ['first-fit', 'best-fit']
const belongsTo: Readonly<Record<string, readonly string[]>> = {
  segments: ['concat'],
  openRows: fits,
  buffer: ['best-fit'],
  overlong: [...fits, 'pad'],
}

/** Fills in the defaults; throws for options that cannot work or do not belong to the strategy. */
export function packSettings(options: PackOptions): PackSettings {
  const { strategy, rowLength, paddingToken = 0 } = options
  if (!Object.hasOwn(defaults, strategy))
    throw new RangeError(`pack: strategy is '${strategy}'; choose 'concat', 'first-fit', 'best-fit', 'pad' or 'chunk'.`)
  for (const [key, strategies] of Object.entries(belongsTo))
    if (key in options && !strategies.includes(strategy))
      throw new RangeError(
        `pack: ${key} has no meaning for strategy '${strategy}'; it belongs to '${strategies.join("', '")}'. Leave it out.`,
      )
  const given: PackSettings = { paddingToken, ...defaults[strategy], ...options }
  const { segments, overlong, buffer } = given
  if ('buffer' in options && 'openRows' in options)
    throw new RangeError('pack: buffer and openRows are two ways to find a row; give one of them.')
  const openRows = 'buffer' in options ? 0 : given.openRows
  checkRow('pack', given)
  if (segments !== 'document' && segments !== 'row')
    throw new RangeError(`pack: segments is '${segments}'; choose 'document' (default) or 'row'.`)
  if ('buffer' in options) checkCount('pack: buffer', buffer)
  else if (fits.includes(strategy)) checkCount('pack: openRows', openRows)
  return { strategy, rowLength, paddingToken, overlap: given.overlap, segments, overlong, openRows, buffer }
}

/** What packing of any kind asks of a row and of what is longer. */
export function checkRow(
  who: string,
  { rowLength, paddingToken, overlap, overlong }: Pick<PackSettings, 'rowLength' | 'paddingToken' | 'overlap' | 'overlong'>,
): void {
  checkCount(`${who}: rowLength`, rowLength, 2)
  checkCount(`${who}: overlap`, overlap, 0)
  if (overlap >= rowLength)
    throw new RangeError(
      `${who}: overlap is ${overlap}, rowLength ${rowLength}; a row must hold more than it repeats. Choose a smaller overlap.`,
    )
  if ((paddingToken | 0) !== paddingToken || paddingToken < 0)
    throw new RangeError(`${who}: paddingToken is ${paddingToken}; a token is a whole number in [0, 2147483647].`)
  if (overlong !== 'split' && overlong !== 'truncate' && overlong !== 'refuse')
    throw new RangeError(`${who}: overlong is '${overlong}'; choose 'split' (default), 'truncate' or 'refuse'.`)
  if (overlap > 0 && overlong !== 'split')
    throw new RangeError(`${who}: overlap is ${overlap}, but overlong '${overlong}' cuts nothing in two. Leave one of them out.`)
}
