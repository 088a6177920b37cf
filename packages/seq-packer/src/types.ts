/** What JSON can hold without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A tokenised text. */
export interface Document {
  /** Named in errors. */
  readonly id: string
  /** Where it comes from. */
  readonly source: string
  /** Whole numbers in [0, 2³¹). */
  readonly tokens: ArrayLike<number>
  /** `lossWeights[t]` weighs the loss of predicting `tokens[t]`: finite, ≥ 0, as many as tokens. Default: 1 everywhere. */
  readonly lossWeights?: ArrayLike<number> | undefined
}

/** Items whose lengths are known before they are read, such as token shards on disk. */
export interface Stored<Item> {
  /** Tokens of each item. */
  readonly lengths: ArrayLike<number>
  /** Reads an item. */
  readonly at: (index: number) => Item
}

/** One sequence of fixed length, filled from the left. All four arrays have `rowLength` elements and belong to whoever got the row. */
export interface Row {
  /** The padding token where nothing lies. */
  readonly tokens: Int32Array
  /** 1, 2, 3 … from left to right; 0 is padding. Attention stays inside a segment. */
  readonly segmentIds: Int32Array
  /** Distance from the start of the segment; 0 at padding. */
  readonly positions: Int32Array
  /**
   * `lossWeights[t]` weighs the loss of predicting `tokens[t]` from what precedes it in its segment: 0 at padding and at the first
   * token of a segment, which nothing precedes; elsewhere the document's weight.
   */
  readonly lossWeights: Float32Array
}

/**
 * A stream with one cursor, as a generator has: a second `for … of` goes on where the first stopped, and `break` does not close it.
 * `next`, `state` and `restore` may be called unbound.
 */
export interface Resumable<Item> extends IterableIterator<Item, undefined> {
  /** A small JSON snapshot: what has been handed out so far. */
  readonly state: () => Json
  /**
   * Makes the next item the one that came after `state()` was called, also in another process.
   * @throws RangeError when the state was made with other options or over other data.
   */
  readonly restore: (state: Json) => void
}

/** As `Resumable`, but its items come later. Ask for one after the other. */
export interface AsyncResumable<Item> extends AsyncIterableIterator<Item, undefined> {
  readonly next: () => Promise<IteratorResult<Item, undefined>>
  /** A small JSON snapshot: what has been handed out so far. */
  readonly state: () => Json
  /** Makes the next item the one that came after `state()` was called, also in another process. */
  readonly restore: (state: Json) => void
}
