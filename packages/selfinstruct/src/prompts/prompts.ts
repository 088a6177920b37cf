import type { Message } from '../types.ts'
import { type ClosedBookPromptOptions, type CritiquePromptOptions, closedBookPrompt, critiquePrompt } from './critique.ts'
import { type GenerationPromptOptions, generationPrompt } from './generation.ts'

/** The content of one user message, or whole messages: with a system prompt, or with examples as turns before the last. */
export type Prompt = string | readonly Message[]

/** What the model is asked, each a plain function of what it is asked about. */
export interface Prompts {
  readonly generation: (options: Required<GenerationPromptOptions>) => Prompt
  readonly critique: (options: Required<CritiquePromptOptions>) => Prompt
  readonly closedBook: (options: ClosedBookPromptOptions) => Prompt
}

export const DEFAULT_PROMPTS: Prompts = { generation: generationPrompt, critique: critiquePrompt, closedBook: closedBookPrompt }

export const messagesOf = (prompt: Prompt): readonly Message[] =>
  typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt
