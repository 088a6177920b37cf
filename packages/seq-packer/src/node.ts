export { readDocuments } from './node/read-documents.ts'
export type { Problem, ReadOptions, TextDocument } from './node/text-document.ts'
