export { type CompleteOptions, chat, complete, type TextModel, type TextPart } from './complete.ts'
export { loadTextModel } from './load-text-model.ts'
export { type Message, makeTokenizer, type TextTokenizer, type TokenizerFiles } from './tokenizer.ts'
