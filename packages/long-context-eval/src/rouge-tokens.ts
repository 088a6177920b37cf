import { porterStem } from './porter-stem.ts'

/** Runs of a–z and 0–9 of the lower-cased text, words of more than three letters stemmed where asked: the tokens of Google's rouge-score. */
export function rougeTokens(text: string, { useStemmer = false }: { readonly useStemmer?: boolean }): string[] {
  const tokens = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return useStemmer ? tokens.map((token) => (token.length > 3 ? porterStem(token) : token)) : tokens
}
