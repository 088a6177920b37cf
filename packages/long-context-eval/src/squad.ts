import { overlap } from './overlap.ts'
import { referenceList } from './references.ts'

/**
 * 1 if prediction and a reference are the same after SQuAD's normalisation, else 0: lower case, without ASCII punctuation, without the words
 * a, an, the, white space as one space. With several references the best counts. Throws RangeError if there are none.
 * @see Rajpurkar et al. 2016; the official SQuAD 2.0 script (`compute_exact`)
 */
export function exactMatch(prediction: string, references: string | readonly string[]): number {
  const own = normalise(prediction)
  return Number(referenceList('exactMatch', references).some((reference) => normalise(reference) === own))
}

/**
 * Word overlap in [0, 1] after SQuAD's normalisation: `2PR / (P + R)`, with `P` and `R` the share of the prediction's and of the reference's
 * words found in the other, counted with repetition. If either has no words it is 1 when both have none, else 0 (SQuAD 2.0; version 1.1
 * gave 0). With several references the best counts. Throws RangeError if there are none.
 * @see Rajpurkar et al. 2016; the official SQuAD 2.0 script (`compute_f1`)
 */
export function tokenF1(prediction: string, references: string | readonly string[]): number {
  const own = words(prediction)
  const scores = referenceList('tokenF1', references).map((reference) => {
    const other = words(reference)
    if (own.length === 0 || other.length === 0) return Number(own.length === other.length)
    const same = overlap(own, other)
    if (same === 0) return 0
    const [precision, recall] = [same / own.length, same / other.length]
    return (2 * precision * recall) / (precision + recall)
  })
  return Math.max(...scores)
}

const punctuation = /[!-/:-@[-`{-~]/g
// Python's \b: letters, digits and underscore of every script, where JavaScript's knows ASCII only
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu

function words(text: string): string[] {
  const plain = text.toLowerCase().replace(punctuation, '').replace(articles, ' ')
  return plain.split(/\p{White_Space}+/u).filter((word) => word !== '')
}

const normalise = (text: string) => words(text).join(' ')
