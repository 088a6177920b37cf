export { type ReadOptions, readRows } from './read-rows.ts'
export { type WriteOptions, writeRows } from './write-rows.ts'
