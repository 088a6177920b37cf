// Word lists of the rules in this folder: English prose of the 18th to the 20th century.

const list = (words: string): ReadonlySet<string> => new Set(words.split(' '))

/** Words that say nothing by themselves: too common to ask for, and not counted when words are compared. */
export const FUNCTION_WORDS = list(
  'a about above after again against all almost alone along already also although always am among an and another any anything are around as at away ' +
    'be because been before behind being below between beyond both but by can cannot could did do does done down during each either else enough even ever ' +
    'every everything few for from further had has have having he hence her here hereby hers herself him himself his how however i if in indeed into is it its ' +
    'itself less let like many may me might mine more most much must my myself near neither never nevertheless next no nor not nothing now of off often on once one only ' +
    'or other others otherwise ought our ours out over own per perhaps quite rather same shall she should since so some something still such than that the thee their ' +
    'them themselves then there thereby therefore therein thereof these they thine this thou those though through throughout thus thy till to together too toward twice ' +
    'towards under unless until up upon us very was we well were what whatever when whence where whereas wherein whether which whichever while who whole whom ' +
    'whose whilst why will with within without would ye yes yet you your yours',
)

/** Words that point out of the sentence, or begin a clause: no part of a subject that is to stand alone. */
export const POINTING_WORDS = list(
  'i we you he she it they me us him her them this that these those his its their which who whom whose what when where while if as because though although ' +
    'there here how than so such not nor neither either and or but whether since until unless both',
)

export const AUXILIARIES = list('is are was were has have had will shall would should may might can could must')

/** Finite forms, no participles or nouns among them, that stand right after their subject and make a question about it without an auxiliary. */
export const VERBS = list(
  'became began came consists contains did does exists fell gave gives goes holds includes keeps knew knows lay lies makes proposes provides requires seemed seems ' +
    'stood takes took went',
)

/** Forms that are a verb, a participle or a noun: a subject that holds one cannot be told from its verb. */
export const AMBIGUOUS_VERBS = list(
  'brought demands desires feel feels finds forms found held hope hopes kept known lost made means meant need needs proposed remain remains rose said saw say says ' +
    'sent show shown shows stand stands taken think thinks told want wants',
)

/** Nouns and titles that make a subject a who. */
export const PERSONS = list(
  'admiral agent agents ambassador attorney author boy captain chief child children citizen citizens clerk colonel commander commissioner commissioners consul ' +
    'crew director emperor enemies enemy envoy farmer farmers father fisherman fishermen friend friends general gentleman gentlemen girl governor harpooneer ' +
    'harpooneers hunter hunters indians inhabitants judge king lady landlord lawyer lieutenant major man mariner mariners mate mates member members men merchant ' +
    'merchants minister ministers mother mr mrs nation negotiator officer officers parties people person persons pilot postmaster president prince queen ' +
    'representative representatives sailor sailors seaman seamen secretary senator senators settlers skipper soldier soldiers son speaker stranger surgeon ' +
    'voter whaleman whalemen woman women worker workers workmen',
)

/** Number words that begin a count, as a pattern. */
export const NUMBER_WORDS =
  '(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|' +
  '(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-(?:one|two|three|four|five|six|seven|eight|nine))?)(?: (?:hundred|thousand|million))?'

export const MONTHS = 'January|February|March|April|May|June|July|August|September|October|November|December'

export const lowered = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}'’-]/gu, '')

/** Lower-case words that say something. */
export const contentWords = (text: string): string[] =>
  text
    .split(/\s+/)
    .map((word) => lowered(word).replace(/['’]s$/, ''))
    .filter((word) => word.length > 1 && !FUNCTION_WORDS.has(word))
