import { loadPretrained } from '../checkpoint/load-pretrained.ts'
import { countParams } from '../params.ts'
import { type Command, modelOf } from './command.ts'
import { startEngine } from './engine.ts'

export const info: Command = {
  name: 'info',
  summary: 'Reads a whole model and says what it is.',
  usage: 'MODEL [options]',
  options: { json: { type: 'boolean', about: 'the configuration as JSON' } },
  async run(values, positionals) {
    const path = modelOf(info, positionals)
    await startEngine(values.count('threads', 1))
    const { config, dtype, tokenizer } = await loadPretrained(path)
    if (values.flag('json')) return console.log(JSON.stringify(config, null, 2))
    const { scaling = { kind: 'none' }, base = 10_000 } = config.rope
    const rows: Readonly<Record<string, string>> = {
      type: config.modelType ?? 'llama',
      weights: `${number(countParams(config))}, stored as ${dtype}`,
      layers: `${config.numLayers}, width ${number(config.hiddenSize)}, MLP ${number(config.intermediateSize)}`,
      heads: `${config.numHeads}, of keys and values ${config.numKvHeads}, width ${config.headDim}`,
      context: `${number(config.maxPositionEmbeddings)} tokens${config.slidingWindow ? `, window ${number(config.slidingWindow)}` : ''}`,
      rope: `${scaling.kind}, base ${number('base' in scaling && scaling.base ? scaling.base : base)}`,
      vocabulary: `${number(config.vocabSize)}${config.tieWordEmbeddings ? ', embeddings tied' : ''}`,
      tokenizer: Object.keys(tokenizer).join(', ') || 'none',
    }
    for (const [name, text] of Object.entries(rows)) console.log(`${name.padEnd(12)}${text}`)
  },
}

const number = (value: number) => value.toLocaleString('en')
