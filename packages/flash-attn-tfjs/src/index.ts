export { attention } from './attention.ts'
export { flashAttention } from './flash-attention.ts'
export type { AttentionOptions, SegmentIds } from './options.ts'
