import { checkCount, checkSome } from './checks.ts'
import { firstSentence } from './first-sentence.ts'
import type { LanguageModel, RunOptions, Tokenizer } from './language-model.ts'
import { rougeL } from './rouge.ts'

export interface FirstSentenceRetrievalOptions extends RunOptions {
  /** Texts that begin with a sentence; long enough for the lengths. */
  readonly documents: readonly string[]
  /** Tokens handed to the model, the prompt included: 256, 1024, … The answer comes on top. */
  readonly lengths: readonly number[]
  readonly tokenizer: Tokenizer
  /** What follows the document and asks for its first sentence. */
  readonly prompt?: string
  /** Longest answer in tokens; default 128. */
  readonly maxNewTokens?: number
}

export interface FirstSentenceResult {
  readonly length: number
  /** Mean over documents, 0–100. */
  readonly rougeL: number
  readonly perDocument: readonly {
    /** Index into `documents`. */
    readonly document: number
    readonly reference: string
    /** The answer, cut after its first sentence. */
    readonly prediction: string
    readonly rougeL: number
  }[]
  /** Documents left out at this length: without a first sentence, or shorter than the length. */
  readonly skipped: { readonly noSentence: number; readonly tooShort: number }
}

const defaultPrompt = '\n\nQuestion: What is the very first sentence of the text above? Repeat it word for word.\nAnswer: '

/**
 * FIRST-SENTENCE-RETRIEVAL: the model reads the first tokens of a document, then the prompt, `length` tokens in all, and is to repeat the
 * document's first sentence. Scored by ROUGE-L without stemming, 0–100.
 *
 * A sentence ends with the first `.`, `!` or `?` (and closing quotes) before white space that makes it 20 characters or longer. Only the
 * first sentence of the answer counts, by the same rule; an answer without a sentence's end counts whole. A first sentence that is longer
 * than `maxNewTokens` or than the document's part of the prompt is asked for only so far, and no more tokens are generated: a perfect copy
 * always scores 100.
 *
 * Documents that have no first sentence, or that are too short for a length, are left out and counted in `skipped`. Throws RangeError,
 * before the model is called, if that leaves none at a length, or if counts are no whole numbers ≥ 1.
 * @see Xiong et al. 2023, §4.1, Fig. 5b, 7, 9b. Prompt, documents and decoding are not published; these are our own.
 */
export async function firstSentenceRetrieval(model: LanguageModel, options: FirstSentenceRetrievalOptions): Promise<FirstSentenceResult[]> {
  const { lengths, tokenizer, maxNewTokens = 128, signal, onProgress } = options
  const plans = planRetrieval(options, maxNewTokens)
  const total = plans.reduce((sum, { tasks }) => sum + tasks.length, 0)
  let done = 0
  const results: FirstSentenceResult[] = []
  for (const [i, { tasks, skipped }] of plans.entries()) {
    const perDocument: FirstSentenceResult['perDocument'][number][] = []
    for (const { document, reference, prompt, newTokens } of tasks) {
      signal?.throwIfAborted()
      const answer = tokenizer.decode(await model.generate(prompt(), { maxNewTokens: newTokens })).trim()
      const prediction = firstSentence(answer) ?? answer
      perDocument.push({ document, reference, prediction, rougeL: 100 * rougeL(prediction, reference).fmeasure })
      onProgress?.(++done, total)
    }
    const mean = perDocument.reduce((sum, own) => sum + own.rougeL, 0) / perDocument.length
    results.push({ length: lengths[i]!, rougeL: mean, perDocument, skipped })
  }
  return results
}

interface Task {
  readonly document: number
  readonly reference: string
  readonly prompt: () => Int32Array
  readonly newTokens: number
}

/** What is asked at each length; throws where nothing can be. */
function planRetrieval(options: FirstSentenceRetrievalOptions, maxNewTokens: number) {
  const { documents, lengths, tokenizer, prompt = defaultPrompt } = options
  checkSome('firstSentenceRetrieval: documents', documents)
  checkSome('firstSentenceRetrieval: lengths', lengths)
  checkCount('firstSentenceRetrieval: maxNewTokens', maxNewTokens)
  const cue = Array.from(tokenizer.encode(prompt))
  for (const length of lengths)
    checkCount(`firstSentenceRetrieval: a length (the prompt alone has ${cue.length} tokens)`, length, cue.length + 1)

  const usable = documents.flatMap((text, document) => {
    const sentence = firstSentence(text)
    if (sentence === undefined) return []
    return [{ document, sentence, sentenceTokens: Array.from(tokenizer.encode(sentence)), tokens: Int32Array.from(tokenizer.encode(text)) }]
  })
  const noSentence = documents.length - usable.length
  return lengths.map((length) => {
    const body = length - cue.length
    const most = Math.min(body, maxNewTokens)
    const tasks = usable
      .filter(({ tokens }) => tokens.length >= body)
      .map(({ document, sentence, sentenceTokens, tokens }): Task => {
        const prompt = () => Int32Array.from([...tokens.subarray(0, body), ...cue])
        if (sentenceTokens.length <= most) return { document, reference: sentence, prompt, newTokens: maxNewTokens }
        return { document, reference: tokenizer.decode(sentenceTokens.slice(0, most)), prompt, newTokens: most }
      })
    if (tasks.length === 0)
      throw new RangeError(
        `firstSentenceRetrieval: no document fits length ${length}: of ${documents.length}, ${noSentence} have no first sentence, the others have at most ` +
          `${Math.max(0, ...usable.map(({ tokens }) => tokens.length))} tokens where ${body} beside the prompt are needed. Pass longer documents or shorter lengths.`,
      )
    return { tasks, skipped: { noSentence, tooShort: usable.length - tasks.length } }
  })
}
