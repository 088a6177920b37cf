export { compactJournal } from './node/compact-journal.ts'
export { type Journal, openJournal } from './node/journal.ts'
