import { hash } from '../random.ts'
import { rougeTokens } from '../rouge-l.ts'

/** Texts that training data must not hold, such as the questions and documents of the benchmarks a model will be judged by. */
export interface EvaluationSet {
  readonly texts: Iterable<string>
  /** Length of the n-grams that are compared; default 13, as in GPT-3. */
  readonly words?: number
}

/** The words that a text shares with the set; undefined for a text that shares none. */
export type Contaminated = (text: string) => string | undefined

/**
 * Looks for an evaluation set in texts: returns the first `words` words in a row that a text shares with the set, or the whole text where it is shorter
 * and one of the set; undefined when nothing is shared. Case and punctuation are ignored. Of the set it keeps 8 bytes a word and their table.
 * @see Brown et al. 2020, Appendix C (13-grams)
 */
export function contamination({ texts, words = 13 }: EvaluationSet): Contaminated {
  const grams = new Set<number>()
  for (const text of texts) for (const gram of gramsOf(text, words)) grams.add(keyOf(gram))
  return (text) => {
    if (grams.size === 0) return undefined
    for (const gram of gramsOf(text, words)) if (grams.has(keyOf(gram))) return gram
    return undefined
  }
}

function* gramsOf(text: string, words: number): Generator<string, void, undefined> {
  const tokens = rougeTokens(text)
  if (tokens.length > 0 && tokens.length < words) yield tokens.join(' ')
  for (let end = words; end <= tokens.length; end++) yield tokens.slice(end - words, end).join(' ')
}

/** 53 bits: two different n-grams of a billion share a key once in some nine million comparisons. */
const keyOf = (gram: string): number => hash(gram) * 2 ** 21 + (hash(`\n${gram}`) >>> 11)
