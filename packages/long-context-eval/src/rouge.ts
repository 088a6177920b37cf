import { longestCommonSubsequence } from './lcs.ts'
import { overlap } from './overlap.ts'
import { referenceList } from './references.ts'
import { rougeTokens } from './rouge-tokens.ts'

export interface RougeOptions {
  /** Compare Porter stems of words longer than three letters; default false. */
  readonly useStemmer?: boolean
}

/** Shares in [0, 1]. */
export interface RougeScore {
  /** What matches, by what the prediction has. */
  readonly precision: number
  /** What matches, by what the reference has. */
  readonly recall: number
  /** `2PR / (P + R)`; 0 when nothing matches. */
  readonly fmeasure: number
}

/**
 * ROUGE-1: single words shared, counted with repetition. Words are runs of a–z and 0–9 after lower-casing; all else separates them.
 * With several references the one of the highest F-measure counts; RangeError if there are none. Equal to Google's rouge-score 0.1.2.
 * @see Lin 2004, §2
 */
export function rouge1(prediction: string, references: string | readonly string[], options: RougeOptions = {}): RougeScore {
  return bestScore('rouge1', prediction, references, (text) => rougeTokens(text, options), runScore(1))
}

/** ROUGE-2: pairs of neighbouring words shared, counted with repetition; otherwise as `rouge1`. */
export function rouge2(prediction: string, references: string | readonly string[], options: RougeOptions = {}): RougeScore {
  return bestScore('rouge2', prediction, references, (text) => rougeTokens(text, options), runScore(2))
}

/**
 * ROUGE-L: the longest common subsequence of words, in order but not necessarily adjacent; otherwise as `rouge1`.
 * @see Lin 2004, §3.1
 */
export function rougeL(prediction: string, references: string | readonly string[], options: RougeOptions = {}): RougeScore {
  return bestScore(
    'rougeL',
    prediction,
    references,
    (text) => rougeTokens(text, options),
    (own, other) => rougeScore(longestCommonSubsequence(own, other), own.length, other.length),
  )
}

/**
 * `∛(R₁·R₂·R_L)` of the F-measures of ROUGE-1, -2 and -L, in [0, 1]: one number for a summary. With several references each of the three
 * takes its own best first. The paper prints 100 times this ("ROUGE-geo").
 * @see Xiong et al. 2023, Table 3; Shaham et al. 2023 (ZeroSCROLLS)
 */
export function rougeGeometricMean(prediction: string, references: string | readonly string[], options: RougeOptions = {}): number {
  return Math.cbrt(
    rouge1(prediction, references, options).fmeasure *
      rouge2(prediction, references, options).fmeasure *
      rougeL(prediction, references, options).fmeasure,
  )
}

/** The score of the reference with the highest F-measure, the first of equals. Texts are split once. */
export function bestScore<Parts>(
  who: string,
  prediction: string,
  references: string | readonly string[],
  split: (text: string) => Parts,
  score: (prediction: Parts, reference: Parts) => RougeScore,
): RougeScore {
  const own = split(prediction)
  return referenceList(who, references)
    .map((reference) => score(own, split(reference)))
    .reduce((best, other) => (other.fmeasure > best.fmeasure ? other : best))
}

/** Precision, recall and F-measure; all 0 where a text is empty. */
export function rougeScore(matches: number, ofPrediction: number, ofReference: number): RougeScore {
  if (matches === 0) return { precision: 0, recall: 0, fmeasure: 0 }
  const [precision, recall] = [matches / ofPrediction, matches / ofReference]
  // in this order, as rouge-score: its rounding decides between references that tie
  return { precision, recall, fmeasure: (2 * precision * recall) / (precision + recall) }
}

const runScore = (length: number) => (own: readonly string[], other: readonly string[]) => {
  const [a, b] = [runs(own, length), runs(other, length)]
  return rougeScore(overlap(a, b), a.length, b.length)
}

/** All runs of `length` neighbouring words. */
function runs(words: readonly string[], length: number): string[] {
  return words.slice(length - 1).map((_, i) => words.slice(i, i + length).join(' '))
}
