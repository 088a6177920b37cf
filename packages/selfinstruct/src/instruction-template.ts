import type { PromptKind } from './types.ts'

export interface InstructionTemplateOptions {
  readonly kind: PromptKind
  /** The whole document, or as much of it as fits the model's context beside question and answer. Inserted as it is. */
  readonly document: string
  readonly question: string
}

const INSTRUCTIONS: Readonly<Record<PromptKind, string>> = {
  normal: 'Here is a long text, between triple quotes, and a question. Read the text, then answer the question at the end.',
  short:
    'Here is a long text, between triple quotes, and a question. Read the text, then answer the question at the end in as few words as you can, ' +
    'with one phrase or one sentence where that is possible. Explain nothing.',
}

/**
 * The prompt of a training instance, `[INST] … [/INST]`: instructions, the document, the question; the answer follows it. The structure of the
 * paper's two templates in other words; `kind` is the one the pair was made with.
 * @see Xiong et al. 2023, Figure 11
 */
export const instructionTemplate = ({ kind, document, question }: InstructionTemplateOptions): string =>
  `[INST] ${INSTRUCTIONS[kind]}\n"""\n${document}\n"""\nQuestion: ${question}\n[/INST]`
