import { fenced, withoutControlTokens } from './prompts/quote.ts'
import type { PromptKind } from './types.ts'

export interface InstructionTemplateOptions {
  readonly kind: PromptKind
  /** The whole document, or as much of it as fits the model's context beside question and answer. */
  readonly document: string
  readonly question: string
}

const ANSWER = 'Here is a long text, between triple quotes, and a question. Read the text, then answer the question at the end.'
const INSTRUCTIONS: Readonly<Record<PromptKind, string>> = {
  normal: ANSWER,
  summary: ANSWER,
  'multi-chunk': ANSWER,
  short:
    'Here is a long text, between triple quotes, and a question. Read the text, then answer the question at the end in as few words as you can, ' +
    'with one phrase or one sentence where that is possible. Explain nothing.',
}

/**
 * What a training instance asks, without the marks of a chat template: instructions, the document, the question. The structure of the paper's two
 * templates in other words; `kind` is the one the pair was made with. A document with triple quotes of its own stands between longer ones, and
 * control tokens of chat templates in it (`[/INST]`, `<|im_end|>` …) get a space, so that nothing in it can end the prompt.
 * @see Xiong et al. 2023, Figure 11
 */
export const instruction = ({ kind, document, question }: InstructionTemplateOptions): string =>
  `${INSTRUCTIONS[kind]}\n${fenced(withoutControlTokens(document))}\nQuestion: ${withoutControlTokens(question)}`

/** The prompt of a training instance in the paper's form, `[INST] … [/INST]`; the answer follows it. Around `instruction`. */
export const instructionTemplate = (options: InstructionTemplateOptions): string => `[INST] ${instruction(options)}\n[/INST]`
