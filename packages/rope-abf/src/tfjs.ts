export type { ApplyRopeOptions } from './tensors/apply-rope.ts'
export { applyRope } from './tensors/apply-rope.ts'
export type { RopePositions, RopeTable } from './tensors/rope-table.ts'
export { ropeTable } from './tensors/rope-table.ts'
