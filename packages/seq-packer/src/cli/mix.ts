import { basename, extname } from 'node:path'
import { lengthReport } from '../length-report.ts'
import { reportPage } from '../report/page.ts'
import { count, percent } from '../report/plots.ts'
import { temperatureWeights } from '../temperature.ts'
import type { Command } from './command.ts'
import { lengthsOf, type MixFile, openSources, partsOf, relativeTo, sizeOf } from './mix-file.ts'
import { reader } from './values.ts'
import { writeWhole } from './write-file.ts'

const arms = ['default', 'remove-long', 'upsample-long', 'new-mix'] as const

export const mix: Command = {
  name: 'mix',
  summary:
    'Decides which tokenised documents are trained on, and in which shares, and says how much of them is long. Writes a small file that `seq-packer pack` takes; the documents stay where they are.',
  usage: 'NAME=PATH … --out mix.json [options]',
  options: {
    out: { type: 'string', about: 'the mix file' },
    arm: { type: 'string', fallback: 'default', about: `${arms.join(', ')}: the arms of Xiong et al. 2023, Table 7` },
    'long-from': { type: 'string', fallback: '4096', about: 'tokens from which a document is long' },
    'long-share': { type: 'string', about: 'share of the tokens in long documents, for upsample-long and new-mix' },
    'quality-field': { type: 'string', about: 'number in every document by which new-mix chooses' },
    'quality-least': { type: 'string', fallback: '0.5', about: 'the least that new-mix keeps' },
    weights: { type: 'string', multiple: true, about: 'NAME=SHARE of each source' },
    temperature: { type: 'string', about: 'shares as the tokens of a source to the power 1/T, instead of weights' },
    'max-epochs': {
      type: 'string',
      multiple: true,
      about: 'NAME=N: a source leaves after N epochs (default 1; none with a long-share, which takes repetition)',
    },
    seed: { type: 'string', fallback: '1', about: 'order of the documents' },
    html: { type: 'string', about: 'also a report' },
  },
  async run(values, positionals) {
    const options = reader(values)
    const out = options.required('out', 'mix.json')
    const arm = options.oneOf('arm', arms, 'default')
    const paths = Object.fromEntries(positionals.map(named))
    if (positionals.length === 0) throw new RangeError('mix: no sources; name some, such as books=tokens/books web=tokens/web.')
    if (Object.keys(paths).length < positionals.length) throw new RangeError('mix: two sources have the same name; write NAME=PATH.')
    const field = arm === 'new-mix' ? options.required('quality-field', 'score') : undefined
    const sources = await openSources(paths, field)
    const sizes = Object.fromEntries(Object.entries(sources).map(([name, own]) => [name, sizeOf(own)]))
    const temperature = options.number('temperature')
    const given = options.numbers('weights')
    if (temperature !== undefined && Object.keys(given).length > 0)
      throw new RangeError('mix: --temperature makes weights of its own; leave out --weights.')
    const weights =
      temperature === undefined
        ? given
        : temperatureWeights(Object.fromEntries(Object.entries(sizes).map(([name, { tokens }]) => [name, tokens])), temperature)
    for (const name of Object.keys(weights))
      if (!(name in paths)) throw new RangeError(`--weights names '${name}', but the sources are ${Object.keys(paths).join(', ')}.`)
    const epochs = options.numbers('max-epochs')
    for (const name of Object.keys(epochs))
      if (!(name in paths)) throw new RangeError(`--max-epochs names '${name}', but the sources are ${Object.keys(paths).join(', ')}.`)
    const longShare = options.number('long-share')
    const file: MixFile = {
      kind: 'seq-packer mix',
      sources: Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, relativeTo(out, path)])),
      sizes,
      arm,
      longFrom: options.count('long-from') ?? 4096,
      ...(longShare === undefined ? {} : { longShare }),
      ...(Object.keys(weights).length === 0 ? {} : { weights }),
      ...(field === undefined ? {} : { quality: { field, least: options.number('quality-least') ?? 0.5 } }),
      seed: options.count('seed', Number.MIN_SAFE_INTEGER) ?? 1,
      // long documents get their share by repetition
      maxEpochs: { ...(longShare === undefined ? Object.fromEntries(Object.keys(paths).map((name) => [name, 1])) : {}), ...epochs },
    }
    const parts = partsOf(file, sources)
    const report = lengthReport(lengthsOf(sources), parts)
    console.log(`${arm}: ${count(report.documents)} documents, ${count(report.tokens)} tokens`)
    for (const [name, part] of Object.entries(report.parts))
      console.log(
        `  ${name.padEnd(24)} ${count(part.documents).padStart(12)} documents ${count(part.tokens).padStart(16)} tokens ${percent(part.share).padStart(8)} of the training`,
      )
    for (const { length, share } of report.beyond.filter(({ length }) => length >= 1024))
      console.log(`  in documents of at least ${count(length).padStart(10)} tokens: ${percent(share).padStart(7)}`)
    if (options.flag('dry-run')) return console.log(`would write ${out}`)
    writeWhole(out, `${JSON.stringify(file, null, 2)}\n`)
    console.log(`wrote ${out}`)
    const html = options.text('html')
    if (html === undefined) return
    writeWhole(html, reportPage({ title: `Mix: ${arm}`, lengths: report }))
    console.log(`wrote ${html}`)
  },
}

/** `NAME=PATH`, or a path whose last part without its ending is the name. */
export function named(text: string): [name: string, path: string] {
  const at = text.indexOf('=')
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : [basename(text, extname(text)), text]
}
