import type { PromptKind } from './types.ts'

export interface GenerationPromptOptions {
  readonly kind: PromptKind
  readonly chunk: string
}

export interface CritiquePromptOptions {
  readonly chunk: string
  readonly question: string
  readonly answer: string
}

const INSTRUCTIONS: Readonly<Record<PromptKind, string>> = {
  normal:
    'Below, between triple quotes, stands a passage cut from a long text. Ask a question about this passage and give the correct answer to it. ' +
    'Base the answer on the passage. The question is going to be part of a reading test about the long text as a whole. ' +
    'Put the question and the answer into XML tags (<question> and </question>, <answer> and </answer>).',
  short:
    'Below, between triple quotes, stands a passage cut from a long document. From what it says, think of a specific question ' +
    '**that a few words or one single phrase can answer**, and give the correct answer without explaining it. Base the answer on the passage. ' +
    'The question is going to be part of a reading test about the long document as a whole. ' +
    'Put the question and the answer into XML tags (<question> and </question>, <answer> and </answer>). Once more: keep the answer short.',
}

const CRITIQUE =
  'Below, between triple quotes, stands a passage cut from a long document; after it, a question about the passage and a proposed answer. ' +
  'Check the answer: can the question be understood by someone who has only the document, is the answer found in the passage, ' +
  'and is it the correct answer to the question? Reason briefly, then give your verdict in XML tags: <verdict>yes</verdict> if all of this holds, ' +
  '<verdict>no</verdict> otherwise.'

/**
 * The user message that asks for one question and answer about a chunk: the instructions and the structure of the paper's two prompts in other
 * words. The `[INST]` around them is left to the chat endpoint, which applies the template of its own model.
 * @see Xiong et al. 2023, Figure 10
 */
export const generationPrompt = ({ kind, chunk }: GenerationPromptOptions): string => `${INSTRUCTIONS[kind]}\n"""\n${chunk}\n"""`

/** The user message that asks the model whether its answer is right. Ours: the paper does it (§2.2) and does not publish the wording. */
export const critiquePrompt = ({ chunk, question, answer }: CritiquePromptOptions): string =>
  `${CRITIQUE}\n"""\n${chunk}\n"""\n<question>${question}</question>\n<answer>${answer}</answer>`
