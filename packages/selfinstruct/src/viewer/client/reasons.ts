import type { PromptKind, RejectionReason } from '../../types.ts'

/** What a reader is told about a reason. */
export const reasons: Readonly<Record<RejectionReason, string>> = {
  'no-text': 'The document holds no text.',
  contaminated: 'The chunk, the question or the answer holds words of an evaluation set.',
  'endpoint-error': 'The call failed.',
  unparsable: 'The reply has no question and answer.',
  empty: 'The reply has nothing in its question or its answer.',
  refusal: 'The model declined, or says that the text does not tell.',
  'too-long': 'The question or the answer has too many words.',
  ungrounded: 'Too few of the answer’s words stand in the chunk.',
  circular: 'The answer only repeats the question.',
  'critique-rejected': 'The model disapproved of its answer.',
  'critique-unparsable': 'The model gave no clear verdict on its answer.',
  'closed-book': 'The model gives the same answer without the document.',
  'no-room': 'Question, answer and chunks do not fit the context of an instance.',
  duplicate: 'The question is close to an earlier one.',
}

export const kinds: Readonly<Record<PromptKind, string>> = {
  normal: 'normal',
  short: 'short',
  summary: 'summary',
  'multi-chunk': 'two chunks',
}
