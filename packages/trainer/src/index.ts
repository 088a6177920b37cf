export { bestCheckpoint, type FoundCheckpoint, latestCheckpoint } from './checkpoint-latest.ts'
export { loadCheckpoint } from './checkpoint-load.ts'
export { type KeepOptions, type SavedState, saveCheckpoint } from './checkpoint-save.ts'
export {
  type BatchStream,
  type CurriculumBatches,
  type CurriculumOptions,
  type CurriculumPhase,
  curriculum,
  curriculumBatches,
  shortThenLong,
} from './curriculum.ts'
export type { FaultOptions, Reaction, SpikeRule } from './faults.ts'
export type { History } from './history.ts'
export { type MetricsLogOptions, metricsLog } from './metrics-log.ts'
export { type GradientNoise, gradientNoiseScale } from './noise.ts'
export { type AdafactorOptions, adafactor } from './optimizers/adafactor.ts'
export { type AdamWOptions, adamw } from './optimizers/adamw.ts'
export type { ParameterGroup } from './optimizers/groups.ts'
export { llama2 } from './optimizers/presets.ts'
export { type SgdOptions, sgd } from './optimizers/sgd.ts'
export type { Batches, CheckpointOptions, TrainOptions, ValidationOptions } from './options.ts'
export { type StopSignals, stopSignals } from './stop-signals.ts'
export { train } from './train.ts'
export type { Checkpoint, Json, Optimizer, OptimizerState, Params, StepReport, UpdateOptions } from './types.ts'
