import { checkCount } from './check.ts'

interface EveryStrategy {
  /** Tokens of a row, at least 2. */
  readonly rowLength: number
  /** Fills the rest of a row; default 0. Its segment is 0 and its loss weight is 0. */
  readonly paddingToken?: number
}

interface WholeDocuments extends EveryStrategy {
  /** What becomes of a document longer than a row: 'split' (default) makes pieces of `rowLength` and a rest, 'truncate' drops its end. */
  readonly overlong?: 'split' | 'truncate'
}

/** One document after another without a gap; what does not fit goes on in the next row. Only the very last row is padded. */
export interface ConcatOptions extends EveryStrategy {
  readonly strategy: 'concat'
  /** A segment is a 'document' (default), or the whole 'row': positions run through it and attention crosses the borders of documents. */
  readonly segments?: 'document' | 'row'
}

/** Whole documents into rows that have room: the oldest such row ('first-fit') or the one with the least room ('best-fit'). */
export interface FitOptions extends WholeDocuments {
  readonly strategy: 'first-fit' | 'best-fit'
  /** Rows kept open at a time; the oldest leaves when one more is needed. Default 64. */
  readonly openRows?: number
}

/** One document per row. */
export interface PadOptions extends WholeDocuments {
  readonly strategy: 'pad'
}

export type PackOptions = ConcatOptions | FitOptions | PadOptions

/** Every setting that decides which rows come out. */
export interface PackSettings {
  readonly strategy: PackOptions['strategy']
  readonly rowLength: number
  readonly paddingToken: number
  readonly segments: 'document' | 'row'
  readonly overlong: 'split' | 'truncate'
  readonly openRows: number
}

const defaults = {
  concat: { segments: 'document', overlong: 'split', openRows: 1 },
  'first-fit': { segments: 'document', overlong: 'split', openRows: 64 },
  'best-fit': { segments: 'document', overlong: 'split', openRows: 64 },
  pad: { segments: 'document', overlong: 'split', openRows: 0 },
} as const

const fits = ['first-fit', 'best-fit']
const belongsTo: Readonly<Record<string, readonly string[]>> = { segments: ['concat'], openRows: fits, overlong: [...fits, 'pad'] }

/** Fills in the defaults; throws for options that cannot work or do not belong to the strategy. */
export function packSettings(options: PackOptions): PackSettings {
  const { strategy, rowLength, paddingToken = 0 } = options
  if (!Object.hasOwn(defaults, strategy))
    throw new RangeError(`pack: strategy is '${strategy}'; choose 'concat', 'first-fit', 'best-fit' or 'pad'.`)
  for (const [key, strategies] of Object.entries(belongsTo))
    if (key in options && !strategies.includes(strategy))
      throw new RangeError(
        `pack: ${key} has no meaning for strategy '${strategy}'; it belongs to '${strategies.join("', '")}'. Leave it out.`,
      )
  const settings: PackSettings = { paddingToken, ...defaults[strategy], ...options }
  const { segments, overlong, openRows } = settings
  checkCount('pack: rowLength', rowLength, 2)
  if ((paddingToken | 0) !== paddingToken || paddingToken < 0)
    throw new RangeError(`pack: paddingToken is ${paddingToken}; a token is a whole number in [0, 2147483647].`)
  if (segments !== 'document' && segments !== 'row')
    throw new RangeError(`pack: segments is '${segments}'; choose 'document' (default) or 'row'.`)
  if (overlong !== 'split' && overlong !== 'truncate')
    throw new RangeError(`pack: overlong is '${overlong}'; choose 'split' (default) or 'truncate'.`)
  if (fits.includes(strategy)) checkCount('pack: openRows', openRows)
  return { strategy, rowLength, paddingToken, segments, overlong, openRows }
}
