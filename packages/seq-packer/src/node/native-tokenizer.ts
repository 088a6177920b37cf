import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Tokenizer } from 'tokenizers'
import { type CutRules, cutsAfterWord } from './cut-safe.ts'

export interface LoadedTokenizer {
  readonly tokenizer: Tokenizer
  /** Where a text may be cut so that its pieces can be encoded one by one; undefined: nowhere. */
  readonly afterWord: Uint8Array | undefined
  readonly vocabularySize: number
}

/** The binding of Hugging Face's library. @throws Error with the command that installs it. */
export function nativeTokenizers(who: string): typeof import('tokenizers') {
  try {
    return createRequire(import.meta.url)('tokenizers') // a bundler must not look into it: it is a binary
  } catch (error) {
    throw new Error(`${who} needs the package tokenizers: npm install tokenizers (${error instanceof Error ? error.message : error}).`)
  }
}

/** The bytes of a `tokenizer.json` and their hash. @throws RangeError for one that cannot be read. */
export function readTokenizer(path: string): { readonly json: string; readonly sha256: string } {
  try {
    const bytes = readFileSync(path)
    return { json: bytes.toString(), sha256: createHash('sha256').update(bytes).digest('hex') }
  } catch (error) {
    throw new RangeError(`tokenizeToShards: tokenizer ${path} cannot be read (${error instanceof Error ? error.message : error}).`)
  }
}

/** Without truncation and padding, whatever the file says: a document loses nothing. */
export function loadTokenizer(json: string): LoadedTokenizer {
  const { Tokenizer } = nativeTokenizers('tokenizeToShards')
  let tokenizer: Tokenizer
  let rules: CutRules
  try {
    tokenizer = Tokenizer.fromString(json)
    rules = JSON.parse(json)
  } catch (error) {
    throw new RangeError(`tokenizeToShards: this is no tokenizer.json (${error instanceof Error ? error.message : error}).`)
  }
  tokenizer.disableTruncation()
  tokenizer.disablePadding()
  const ids = Object.values(tokenizer.getVocab(true))
  return { tokenizer, afterWord: cutsAfterWord(rules), vocabularySize: ids.reduce((most, id) => Math.max(most, id), -1) + 1 }
}
