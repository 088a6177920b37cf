export { type Journal, openJournal } from './node/journal.ts'
