// a full stop, closing quotes, white space and a capital; a blank line; or a full stop of Chinese and Japanese
const BORDER = /(?<=[.!?…]["'”’)\]]{0,3})\s+(?=["'“‘([]{0,3}[\p{Lu}\p{N}])|\n[^\S\n]*\n\s*|(?<=[。！？])\s*(?=\S)/gu
const ABBREVIATION =
  /(?:^|[\s(“"'.—-])(?:(?!I\.)\p{Lu}|Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lieut|Lt|Maj|Sgt|Gov|Sen|Rep|Pres|Sec|St|Jr|Sr|Nos?|Art|Ch|Vol|Fig|pp?|vs?|viz|Co|Ltd|Inc|Mt|Ft|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\s*$/u

/**
 * Positions in `text` at which a sentence or paragraph begins, ascending, 0 excluded. A line break alone is no border (hard-wrapped text), nor is
 * the stop of a common English abbreviation or of an initial.
 */
export function sentenceBorders(text: string): number[] {
  const borders: number[] = []
  for (const match of text.matchAll(BORDER)) {
    const isParagraph = /\n[^\S\n]*\n/.test(match[0])
    if (isParagraph || !ABBREVIATION.test(text.slice(Math.max(0, match.index - 12), match.index + match[0].length)))
      borders.push(match.index + match[0].length)
  }
  return borders.filter((border) => border > 0 && border < text.length)
}

/** The sentences of `text` in order, white space within each collapsed to single spaces. */
export function sentencesOf(text: string): string[] {
  const borders = [0, ...sentenceBorders(text), text.length]
  return borders.slice(1).flatMap((end, i) => {
    const sentence = text.slice(borders[i], end).replace(/\s+/g, ' ').trim()
    return sentence === '' ? [] : [sentence]
  })
}
