export { type Batch, batches } from './batches.ts'
