import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { manifestFile, readManifest } from '../node/manifest.ts'
import { loadTokenizer, readTokenizer } from '../node/native-tokenizer.ts'
import { sourceFiles } from '../node/source-files.ts'
import { tokenizeToShards } from '../node/tokenize-to-shards.ts'
import { count } from '../report/plots.ts'
import type { Command } from './command.ts'
import { progress } from './progress.ts'
import { reading, readingOptions } from './reading.ts'
import { reader } from './values.ts'

export const tokenize: Command = {
  name: 'tokenize',
  summary:
    'Turns texts into shards of tokens, which mix, pack and inspect take: folders, .txt, .md, .jsonl (.gz, .zst), .parquet, datasets of Hugging Face. Documents that are empty, double or broken are left out and named. Stop it whenever you like: the same command goes on after the last whole shard, and later encodes only what is new.',
  usage: 'PATH … --tokenizer tokenizer.json --out FOLDER [options]',
  options: {
    tokenizer: { type: 'string', about: 'tokenizer.json of the model' },
    out: { type: 'string', about: 'folder for the shards' },
    ...readingOptions,
    source: { type: 'string', about: 'name of the source (default: that of the folder or file)' },
    'end-token': { type: 'string', about: 'a token after every document, such as <|endoftext|>' },
    'special-tokens': {
      type: 'string',
      fallback: 'add',
      about: 'add or omit: what the tokenizer puts around a text, such as a start token',
    },
    workers: { type: 'string', about: `threads (default ${availableParallelism()}, the cores of this machine)` },
    'shard-tokens': { type: 'string', fallback: '67108864', about: 'a shard ends with the document that reaches so many' },
  },
  async run(values, positionals) {
    const options = reader(values)
    const folder = options.required('out', 'tokens')
    const tokenizer = options.required('tokenizer', 'model/tokenizer.json')
    const { read, leftOut } = reading(options)
    const [source, endToken] = [options.text('source'), options.text('end-token')]
    const [workers, shardTokens] = [options.count('workers'), options.count('shard-tokens')]
    const addSpecialTokens = options.oneOf('special-tokens', ['add', 'omit'], 'add') === 'add'
    const files = sourceFiles('tokenize', positionals, source, read.split)
    const bytes = files.reduce((sum, own) => sum + own.bytes, 0)
    if (options.flag('dry-run')) {
      const { vocabularySize } = loadTokenizer(readTokenizer(tokenizer).json)
      const made = existsSync(join(folder, manifestFile)) ? readManifest('tokenize', folder).shards.length : 0
      return console.log(
        `would tokenise ${count(files.length)} files of ${count(bytes)} bytes with ${count(vocabularySize)} tokens into ${folder}${made > 0 ? `, where ${made} shards are already` : ''}`,
      )
    }
    const bar = progress('tokenising', bytes)
    const run = tokenizeToShards({
      documents: positionals,
      tokenizer,
      folder,
      addSpecialTokens,
      ...read,
      ...(source === undefined ? {} : { source }),
      ...(endToken === undefined ? {} : { endToken }),
      ...(workers === undefined ? {} : { workers }),
      ...(shardTokens === undefined ? {} : { shardTokens }),
    })
    try {
      for (let kept = 0; ; ) {
        const { value, done } = await run.next()
        if (done) {
          const [documents, tokens] = (['numDocuments', 'numTokens'] as const).map((key) =>
            value.shards.reduce((sum, own) => sum + own[key], 0),
          )
          bar.stop()
          console.log(
            `${count(documents!)} documents, ${count(tokens!)} tokens in ${count(value.shards.length)} shards in ${folder}${kept > 0 ? `, ${count(kept)} of which were there` : ''}`,
          )
          if (leftOut()) console.log(leftOut())
          return
        }
        kept = value.kept
        bar.update(value.bytes, `${count(value.documents)} documents, ${count(value.tokens)} tokens, ${count(value.shards)} shards`)
      }
    } finally {
      bar.stop()
    }
  },
}
