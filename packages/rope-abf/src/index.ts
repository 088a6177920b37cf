export { attentionDecay } from './attention-decay.ts'
export { baseForContext } from './base-for-context.ts'
export type { RopeFrequencies } from './frequencies.ts'
export { ropeFrequencies, XPOS_ABF } from './frequencies.ts'
export { type Granularity, granularity } from './granularity.ts'
export { type FromHuggingFaceOptions, fromHuggingFace } from './hugging-face/from.ts'
export { type HuggingFaceRope, toHuggingFace } from './hugging-face/to.ts'
export type {
  AbfScaling,
  DynamicScaling,
  LinearScaling,
  Llama3Scaling,
  LongRopeScaling,
  NtkScaling,
  PlainScaling,
  ProportionalScaling,
  RopeLayout,
  RopeOptions,
  RopeScaling,
  XposScaling,
  YarnScaling,
} from './rope.ts'
export type { RotateOptions } from './rotate.ts'
export { rotate } from './rotate.ts'
export { wavelengths } from './wavelengths.ts'
