import { checkCount, checkSome } from './checks.ts'
import type { LanguageModel, RunOptions, Tokenizer } from './language-model.ts'
import { pick, randomFrom } from './random.ts'

export interface PasskeyTemplate {
  /** Comes first and says what is asked; default nothing. */
  readonly introduction?: string
  /** What the key hides in: a text that is repeated, or several (documents) of which each trial begins with one. */
  readonly filler: string | readonly string[]
  readonly needle: (key: string) => string
  /** Comes last; the key is to follow. */
  readonly question: string
}

export interface PasskeyOptions extends RunOptions {
  /** Tokens handed to the model, template included. The answer comes on top. */
  readonly lengths: readonly number[]
  /** Where the needle stands: 0 before all filler, 1 after all of it. */
  readonly depths: readonly number[]
  /** Keys per length and depth; the same keys and fillers everywhere. */
  readonly trials: number
  readonly seed: number
  readonly tokenizer: Tokenizer
  readonly template?: PasskeyTemplate
  /** Digits of a key; default 5. */
  readonly digits?: number
  /** Default `digits + 3`: the key with a space before it, and room to see that it ends. */
  readonly maxNewTokens?: number
}

export interface PasskeyResult {
  readonly length: number
  readonly depth: number
  /** Share of keys found, in [0, 1]. */
  readonly accuracy: number
  readonly trials: readonly { readonly key: string; readonly prediction: string; readonly correct: boolean }[]
}

/** The usual structure (Mohtashami & Jaggi 2023) in words of our own. */
const defaultTemplate: PasskeyTemplate = {
  introduction:
    'Somewhere in this long text of no importance stands a pass key. Look for it and keep it in mind, it will be asked for at the end.\n',
  filler: 'Rain falls on the hills. The river runs to the sea. A cart goes by. Evening comes, and then the morning.',
  needle: (key) => `\nHere it is: the pass key is ${key}. Keep it in mind, ${key} is the pass key.\n`,
  question: '\nWhich pass key was it? The pass key is',
}

/**
 * Pass-key retrieval: a random number hidden at a depth of a long text, asked for at the end. A prompt has exactly `length` tokens:
 * introduction, `round(depth · room)` tokens of filler, needle, the rest of the filler, question. A key is found if the first run of digits
 * in the answer is the key. One result per length and depth, depths running faster.
 *
 * Throws RangeError, before the model is called, if a length cannot hold the template, a depth is outside [0, 1], the filler is empty, or
 * counts are no whole numbers ≥ 1.
 * @see Mohtashami & Jaggi 2023 (Landmark Attention); Xiong et al. 2023, footnote 4 (too easy: all but plain RoPE score 100 %)
 */
export async function passkey(model: LanguageModel, options: PasskeyOptions): Promise<PasskeyResult[]> {
  const { lengths, depths, tokenizer, digits = 5, maxNewTokens = digits + 3, signal, onProgress } = options
  const prompts = planPasskeys(options, digits, maxNewTokens)
  const total = lengths.length * depths.length * prompts.length
  let done = 0
  const results: PasskeyResult[] = []
  for (const length of lengths)
    for (const depth of depths) {
      const trials: PasskeyResult['trials'][number][] = []
      for (const { key, prompt } of prompts) {
        signal?.throwIfAborted()
        const prediction = tokenizer.decode(await model.generate(prompt(length, depth), { maxNewTokens })).trim()
        trials.push({ key, prediction, correct: prediction.match(/\d+/)?.[0] === key })
        onProgress?.(++done, total)
      }
      results.push({ length, depth, accuracy: trials.filter(({ correct }) => correct).length / trials.length, trials })
    }
  return results
}

/** The keys, each with what makes its prompt. */
function planPasskeys(options: PasskeyOptions, digits: number, maxNewTokens: number) {
  const { lengths, depths, trials, seed, tokenizer, template = defaultTemplate } = options
  checkSome('passkey: lengths', lengths)
  checkSome('passkey: depths', depths)
  checkCount('passkey: trials', trials)
  checkCount('passkey: digits', digits)
  checkCount('passkey: maxNewTokens', maxNewTokens)
  for (const length of lengths) checkCount('passkey: a length', length)
  for (const depth of depths)
    if (!(depth >= 0 && depth <= 1)) throw new RangeError(`passkey: a depth is ${depth}; it must be in [0, 1], 0 the beginning, 1 the end.`)

  const encode = (text: string) => Array.from(tokenizer.encode(text))
  const texts = typeof template.filler === 'string' ? [template.filler] : template.filler
  const fillers = texts.filter((text) => text.trim() !== '').map((text) => encode(`${text}\n`))
  if (!fillers.some((tokens) => tokens.length > 0))
    throw new RangeError('passkey: template.filler is empty; pass text that the key can hide in.')
  const [introduction, question] = [encode(template.introduction ?? ''), encode(template.question)]
  const shortest = Math.min(...lengths)
  const random = randomFrom(seed)

  return Array.from({ length: trials }, () => {
    const key = Array.from({ length: digits }, (_, i) => (i === 0 ? 1 + pick(9, random) : pick(10, random))).join('')
    const needle = encode(template.needle(key))
    const first = pick(fillers.length, random)
    const fixed = introduction.length + needle.length + question.length
    if (fixed > shortest)
      throw new RangeError(
        `passkey: length ${shortest} cannot hold the template, which has ${fixed} tokens without filler; pass longer lengths or a shorter template.`,
      )
    const prompt = (length: number, depth: number) => {
      const room = length - fixed
      const filler: number[] = []
      for (let i = first; filler.length < room; i++)
        for (const token of fillers[i % fillers.length]!.slice(0, room - filler.length)) filler.push(token)
      const before = Math.round(depth * room)
      return Int32Array.from([...introduction, ...filler.slice(0, before), ...needle, ...filler.slice(before), ...question])
    }
    return { key, prompt }
  })
}
