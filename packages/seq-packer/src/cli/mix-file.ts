import { existsSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { type DataMixOptions, dataMix, type MixPart } from '../data-mix.ts'
import { mix } from '../mix.ts'
import type { Document, Json, Resumable, Stored } from '../types.ts'
import { openTokens, type TokenSource } from './token-files.ts'

/** What `seq-packer mix` writes: which documents, in which shares. The documents stay where they are. */
export interface MixFile {
  readonly kind: 'seq-packer mix'
  /** Paths relative to the file. */
  readonly sources: Readonly<Record<string, string>>
  /** What they held when the mix was made. */
  readonly sizes: Readonly<Record<string, { readonly documents: number; readonly tokens: number }>>
  readonly arm: DataMixOptions['arm']
  readonly longFrom: number
  readonly longShare?: number
  readonly weights?: Readonly<Record<string, number>>
  readonly quality?: { readonly field: string; readonly least: number }
  readonly seed: number
  /** By source. */
  readonly maxEpochs: Readonly<Record<string, number>>
}

export const sizeOf = ({ lengths }: Stored<Document>): { documents: number; tokens: number } => {
  let tokens = 0
  for (let i = 0; i < lengths.length; i++) tokens += lengths[i]!
  return { documents: lengths.length, tokens }
}

export const openSources = async (sources: Readonly<Record<string, string>>, qualityField?: string): Promise<Record<string, TokenSource>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(sources).map(async ([name, path]) => [name, await openTokens(name, path, qualityField)] as const)),
  )

export const lengthsOf = (sources: Readonly<Record<string, Stored<Document>>>): Record<string, ArrayLike<number>> =>
  Object.fromEntries(Object.entries(sources).map(([name, { lengths }]) => [name, lengths]))

export function partsOf(
  { arm, longFrom, longShare, weights, quality }: Omit<MixFile, 'kind' | 'sources' | 'sizes' | 'seed' | 'maxEpochs'>,
  sources: Readonly<Record<string, TokenSource>>,
): Record<string, MixPart> {
  const shared = { longFrom, ...(weights === undefined ? {} : { weights }) }
  if (arm === 'default' || arm === 'remove-long') return dataMix(lengthsOf(sources), { ...shared, arm })
  if (longShare === undefined)
    throw new RangeError(`--long-share is missing; arm '${arm}' needs the share of the tokens in long documents.`)
  if (arm === 'upsample-long') return dataMix(lengthsOf(sources), { ...shared, arm, longShare })
  if (quality === undefined)
    throw new RangeError("--quality-field is missing; arm 'new-mix' keeps what is good, so it needs a score of every document.")
  const scores = Object.fromEntries(Object.entries(sources).map(([name, own]) => [name, own.quality ?? []]))
  return dataMix(lengthsOf(sources), { ...shared, arm, longShare, quality: { scores, least: quality.least } })
}

/** Reads a mix file and opens what it names. Throws where the sources are no longer those it was made of. */
export async function openMix(
  path: string,
): Promise<{ file: MixFile; sources: Record<string, TokenSource>; parts: Record<string, MixPart> }> {
  if (!existsSync(path)) throw new RangeError(`${path} does not exist. Make it with \`seq-packer mix\`.`)
  const file: MixFile = JSON.parse(readFileSync(path, 'utf8'))
  if (file?.kind !== 'seq-packer mix') throw new RangeError(`${path} is no mix. Make one with \`seq-packer mix\`.`)
  const folder = dirname(path)
  const paths = Object.entries(file.sources).map(([name, own]): [string, string] => [name, resolve(folder, own)])
  const sources = await openSources(Object.fromEntries(paths), file.quality?.field)
  for (const [name, before] of Object.entries(file.sizes)) {
    const now = sizeOf(sources[name]!)
    if (now.documents !== before.documents || now.tokens !== before.tokens)
      throw new RangeError(
        `${path}: source '${name}' holds ${now.documents} documents of ${now.tokens} tokens, the mix was made of ${before.documents} of ${before.tokens}. ` +
          'Put the old data back, or make the mix again.',
      )
  }
  return { file, sources, parts: partsOf(file, sources) }
}

export const relativeTo = (path: string, target: string): string => relative(dirname(resolve(path)), resolve(target))

/** The documents of a mix, read as they are needed; endless where a source has no maxEpochs. */
export function documentsOf(
  sources: Readonly<Record<string, Stored<Document>>>,
  parts: Readonly<Record<string, MixPart>>,
  { seed, maxEpochs }: Pick<MixFile, 'seed' | 'maxEpochs'>,
): Resumable<Document> {
  const names = Object.keys(parts)
  const chosen = names.map((name): [string, Stored<Document>] => {
    const { source, indices } = parts[name]!
    const { lengths, at } = sources[source]!
    return [name, { lengths: indices.map((i) => lengths[i]!), at: (k) => at(indices[k]!) }]
  })
  const limits = names.flatMap((name) => {
    const most = maxEpochs[parts[name]!.source]
    return most === undefined ? [] : [[name, most] as const]
  })
  const weights = Object.fromEntries(names.map((name) => [name, parts[name]!.weight]))
  return mix(Object.fromEntries(chosen), { weights, seed, maxEpochs: Object.fromEntries(limits) })
}

/** For a state: what tells one set of data from another. */
export const fingerprint = (sources: Readonly<Record<string, Stored<Document>>>): Json =>
  Object.fromEntries(Object.entries(sources).map(([name, own]) => [name, sizeOf(own)]))
