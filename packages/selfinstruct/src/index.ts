export { type AiSdkModel, aiSdk } from './adapters/ai-sdk.ts'
export { type InProcessOptions, inProcess, type TokenRequest } from './adapters/in-process.ts'
export type { Chunk } from './chunk.ts'
export { extractiveComplete } from './extractive/extractive-complete.ts'
export type { FailureMarks } from './failure.ts'
export { type ChatDocumentOptions, chatDocument } from './instances/chat-document.ts'
export { type Conversation, conversation, type Exercise, messagesLine } from './instances/conversation.ts'
export { fittingText } from './instances/fitting-text.ts'
export { type InstanceOptions, instance } from './instances/instance.ts'
export type { Encoding, TokenDocument } from './instances/token-document.ts'
export { type InstructionTemplateOptions, instruction, instructionTemplate } from './instruction-template.ts'
export { type Limited, type LimitOptions, limited } from './limits/limited.ts'
export type { Budget, Price, Spent } from './limits/spending.ts'
export { nearDuplicates } from './near-duplicates.ts'
export type { SelfInstructOptions } from './options.ts'
export { type ParsedPair, type ParseFailure, parsePair, parsePairs } from './parse-pair.ts'
export { parseVerdict, type Verdict } from './parse-verdict.ts'
export { describeProgress, type Progress, type ProgressOptions, progress } from './progress.ts'
export {
  type ClosedBookPromptOptions,
  type CritiquePromptOptions,
  closedBookPrompt,
  critiquePrompt,
} from './prompts/critique.ts'
export { type GenerationPromptOptions, generationPrompt, type ReplyFormat } from './prompts/generation.ts'
export type { Prompt, Prompts } from './prompts/prompts.ts'
export { type Contaminated, contamination, type EvaluationSet } from './quality/contamination.ts'
export { groundedness } from './quality/groundedness.ts'
export { selfInstruct } from './self-instruct.ts'
export type {
  Complete,
  CompleteOptions,
  Message,
  Outcome,
  Pair,
  PromptKind,
  Rejection,
  RejectionReason,
  ReplySchema,
  SourceDocument,
  Usage,
} from './types.ts'
