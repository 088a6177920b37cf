const REFUSALS: readonly RegExp[] = [
  /^\W*(?:I(?:['’]m| am) (?:so |very |truly )?(?:sorry|unable|not able|afraid)|sorry,|(?:unfortunately,? )?I (?:can(?:not|['’]t| not)|won['’]t|will not|am unable))/i,
  /\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b/i,
  /\b(?:passage|text|document|context|excerpt|information given) (?:(?:does|did|do) not|doesn['’]t|didn['’]t) (?:\w+ly )?(?:say|mention|provide|specify|state|contain|tell|give|indicate|include|answer)/i,
  /\b(?:not|isn['’]t|no information(?: is)?) (?:\w+ly )?(?:mentioned|specified|stated|provided|given|found|available) (?:in|by|from) (?:the|this) (?:passage|text|document|context|excerpt)/i,
]

/** The words in which a model declined, or said that the text does not tell; undefined for a text that does neither. English. */
export const refusalIn = (text: string): string | undefined =>
  REFUSALS.map((pattern) => pattern.exec(text)?.[0].trim()).find((found) => found !== undefined)
