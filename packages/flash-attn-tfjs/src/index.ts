export { attention } from './attention.ts'
export { flashAttention } from './flash-attention.ts'
export { mergeAttention } from './merge-attention.ts'
export type { AttentionOptions, AttentionPart, SegmentIds } from './options.ts'
