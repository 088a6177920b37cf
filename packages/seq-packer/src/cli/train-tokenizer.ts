import { wordPatterns } from '../node/bpe/split-words.ts'
import { trainTokenizer as train } from '../node/bpe/train-tokenizer.ts'
import { readDocuments } from '../node/read-documents.ts'
import { sourceFiles } from '../node/source-files.ts'
import { count } from '../report/plots.ts'
import type { Command } from './command.ts'
import { progress } from './progress.ts'
import { reading, readingOptions } from './reading.ts'
import { reader } from './values.ts'
import { writeWhole } from './write-file.ts'

export const trainTokenizer: Command = {
  name: 'train-tokenizer',
  summary: 'Makes a tokenizer.json of texts: byte-level BPE, which the libraries of Hugging Face load. About 100 MB of text are enough.',
  usage: 'PATH … --vocabulary N --out tokenizer.json [options]',
  options: {
    vocabulary: { type: 'string', about: 'number of tokens, such as 32768' },
    out: { type: 'string', about: 'the tokenizer.json' },
    special: { type: 'string', multiple: true, fallback: '<|endoftext|>', about: 'special tokens, which have the first ids' },
    pattern: { type: 'string', fallback: 'llama-3', about: 'llama-3, gpt-2 or smollm: how texts are split before merging' },
    ...readingOptions,
  },
  async run(values, positionals) {
    const options = reader(values)
    const out = options.required('out', 'tokenizer.json')
    options.required('vocabulary', '32768')
    const vocabularySize = options.count('vocabulary', 257)!
    const pattern = options.oneOf('pattern', wordPatterns, 'llama-3')
    const special = options.list('special')
    const { read, leftOut } = reading(options)
    const files = sourceFiles('train-tokenizer', positionals, undefined, read.split)
    const bytes = files.reduce((sum, own) => sum + own.bytes, 0)
    if (options.flag('dry-run'))
      return console.log(
        `would read ${count(files.length)} files of ${count(bytes)} bytes and write ${count(vocabularySize)} tokens to ${out}`,
      )
    const specialTokens = special.length > 0 ? special : undefined
    const run = train(readDocuments(positionals, read), { vocabularySize, pattern, ...(specialTokens ? { specialTokens } : {}) })
    const [readBar, makeBar] = [progress('reading', bytes), progress('making tokens', vocabularySize)]
    try {
      for (;;) {
        const { value, done } = await run.next()
        if (done) {
          writeWhole(out, value)
          break
        }
        if (value.tokens <= 256 + Math.max(1, special.length)) readBar.update(value.bytes, `${count(value.documents)} documents`)
        else makeBar.update(value.tokens)
      }
    } finally {
      makeBar.stop()
    }
    console.log(`wrote ${out} with ${count(vocabularySize)} tokens`)
    if (leftOut()) console.log(leftOut())
  },
}
