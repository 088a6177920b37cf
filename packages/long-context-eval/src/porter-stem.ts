// Porter's algorithm with the changes of NLTK, which Google's rouge-score stems with. npm has it only without them: `stemmer` 2.0.1 differs
// for 468 of the 30,866 words of Moby-Dick and the State of the Union addresses, so the hundred lines are here.

/**
 * Stem of a lower-case word of more than two letters; digits count as consonants. Equal to `nltk.stem.porter.PorterStemmer().stem`.
 * @see Porter 1980, "An algorithm for suffix stripping"
 */
export function porterStem(word: string): string {
  const fixed = irregular.get(word)
  if (fixed !== undefined) return fixed
  return [plural, pastAndGerund, finalY, doubleSuffix, singleSuffix, longStemSuffix, finalE, finalL].reduce(
    (stem, step) => step(stem),
    word,
  )
}

const irregular = new Map([
  ...['sky', 'news', 'inning', 'outing', 'canning', 'howe', 'proceed', 'exceed', 'succeed'].map((word) => [word, word] as const),
  ...['dying', 'lying', 'tying'].map((word) => [word, `${word[0]}ie`] as const),
  ...['innings', 'outings', 'cannings'].map((word) => [word, word.slice(0, -1)] as const),
  ['skies', 'sky'] as const,
])

/** For each letter `c` (consonant) or `v` (vowel); y is a vowel after a consonant. */
function pattern(word: string): string {
  let kinds = ''
  for (let i = 0; i < word.length; i++) {
    const isVowel = 'aeiou'.includes(word[i]!) || (word[i] === 'y' && kinds[i - 1] === 'c')
    kinds += isVowel ? 'v' : 'c'
  }
  return kinds
}

/** Porter's m: how often a vowel is followed by a consonant. */
const measure = (stem: string) => pattern(stem).split('vc').length - 1
const endsDoubleConsonant = (word: string) => word.length > 1 && word.at(-1) === word.at(-2) && pattern(word).endsWith('c')
/** Consonant, vowel, consonant other than w, x, y; or a word of vowel and consonant. */
const endsShort = (word: string) => (pattern(word).endsWith('cvc') && !/[wxy]$/.test(word)) || pattern(word) === 'vc'

type Rule = readonly [suffix: string, replacement: string]

/** Applies the first rule whose suffix fits, if what stays before the suffix has a measure above `least`; no other rule is tried. */
function firstRule(word: string, rules: readonly Rule[], least: number): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix))
  if (!rule) return word
  const stem = word.slice(0, -rule[0].length)
  return measure(stem) > least ? stem + rule[1] : word
}

function plural(word: string): string {
  if (word.endsWith('ies')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('sses')) return word.slice(0, -2)
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

function pastAndGerund(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  const stem = word.match(/^(.*)(?:ed|ing)$/)?.[1]
  if (stem === undefined || !pattern(stem).includes('v')) return word
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`
  if (endsDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1)
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem
}

function finalY(word: string): string {
  return /..y$/.test(word) && pattern(word.slice(0, -1)).endsWith('c') ? `${word.slice(0, -1)}i` : word
}

function doubleSuffix(word: string): string {
  if (word.endsWith('alli') && measure(word.slice(0, -4)) > 0) return doubleSuffix(word.slice(0, -2))
  // the l belongs to the stem here, so that "geology" works like "archaeology"
  if (word.endsWith('logi')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  return firstRule(word, doubleSuffixes, 0)
}

const rules = (text: string): Rule[] => text.split(' ').map((rule) => [rule.split('>')[0]!, rule.split('>')[1]!])

const doubleSuffixes = rules(
  'ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ation>ate ator>ate ' +
    'alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful',
)
const singleSuffixes = rules('icate>ic ative> alize>al iciti>ic ical>ic ful> ness>')
const longStemSuffixes = rules('al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ou> ism> ate> iti> ous> ive> ize>')

const singleSuffix = (word: string) => firstRule(word, singleSuffixes, 0)

function longStemSuffix(word: string): string {
  if (word.endsWith('ion')) return /[st]ion$/.test(word) && measure(word.slice(0, -3)) > 1 ? word.slice(0, -3) : word
  return firstRule(word, longStemSuffixes, 1)
}

function finalE(word: string): string {
  if (!word.endsWith('e')) return word
  const stem = word.slice(0, -1)
  const m = measure(stem)
  return m > 1 || (m === 1 && !endsShort(stem)) ? stem : word
}

const finalL = (word: string) => (word.endsWith('ll') && measure(word.slice(0, -1)) > 1 ? word.slice(0, -1) : word)
