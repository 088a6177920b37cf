// What can be set, with defaults by preset. Order of precedence: command line, YAML file (--config), preset, default.
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { parse } from 'yaml'
import { z } from 'zod'
import { addOptions, checked, settingsError, wordsOf } from '../shared/command-line.ts'

const count = (least = 1) => z.coerce.number().int().min(least)
const fraction = z.coerce.number().min(0).max(1)
const rate = z.coerce.number().positive()

const schema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only')
    .default('default')
    .describe('name of the run; everything is kept under runs/<name>'),
  runs: z.string().min(1).default('runs').describe('folder that holds the runs'),
  seeds: z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : typeof value === 'number' ? [value] : value),
      z.array(count(0)).min(1),
    )
    .default([1])
    .describe('comma-separated seeds; each trains every arm anew'),
  engine: z
    .enum(['auto', 'cpu', 'wasm', 'webgpu', 'node', 'node-gpu'])
    .default('auto')
    .describe('tfjs engine; auto takes the best that loads'),
  threads: count().optional().describe('threads of our kernels (default: all processors)'),
  texts: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(z.string().min(1)).min(1))
    .optional()
    .describe('folders or files of documents (.txt, .md, .jsonl, .parquet) instead of the built-in ones'),
  maxTexts: count(10).default(10_000).describe('use at most this many documents'),
  dataMix: z
    .enum(['default', 'remove-long', 'upsample-long', 'new-mix'])
    .default('default')
    .describe(
      'arm of the data mix (paper Table 7): all texts, without long ones, more of long ones, good ones first and more of long ones',
    ),
  vocabularySize: count(300).default(1024).describe('byte-level BPE vocabulary'),
  hiddenSize: count(8).default(64).describe('channels of the model'),
  intermediateSize: count(8).default(192).describe('width of the SwiGLU layer'),
  numLayers: count().default(3).describe('transformer blocks'),
  numHeads: count().default(2).describe('query heads'),
  numKvHeads: count().default(1).describe('key/value heads (grouped queries)'),
  shortLength: count(32).default(128).describe('context of pretraining, in tokens'),
  longLength: count(64).default(1024).describe('context after the extension, in tokens'),
  tokensPerBatch: count(64).default(1024).describe('tokens per optimizer step, the same in every stage'),
  ropeTheta: rate.default(10_000).describe('RoPE base of pretraining'),
  abfTheta: rate.default(500_000).describe('adjusted base frequency (paper §4.1)'),
  pretrainSteps: count().default(3000).describe('steps at short context'),
  pretrainPeak: rate.default(3e-3).describe('peak learning rate of pretraining'),
  extendSteps: count().default(600).describe('steps of every arm at long context (the paper: a fifth of pretraining)'),
  extendPeak: rate.default(1e-3).describe('peak learning rate of the arms'),
  instructSteps: count().default(200).describe('steps of every instruction-tuning arm'),
  instructPeak: rate.default(1e-3).describe('peak learning rate of instruction tuning'),
  recallSteps: count().default(1800).describe('steps on random passages that repeat, before pretraining: copying is learnt here'),
  recallPeak: rate.default(4e-3).describe('peak learning rate on those passages'),
  recallShare: fraction.default(0.5).describe('share of training tokens in recall exercises, the same for every arm'),
  recallWeight: rate.default(5).describe('loss weight of the tokens that a recall exercise asks for'),
  checkpointEvery: count().default(50).describe('steps between checkpoints'),
  evalDocuments: count(2).default(12).describe('held-out documents per measurement'),
  evalTrials: count().default(4).describe('pass keys per length and depth'),
  pairs: count(4).default(120).describe('question/answer pairs to ask for'),
  watch: z
    .preprocess((value) => (value === true ? 0 : value), count(0))
    .optional()
    .describe('draw the training under way on a page on this machine, at this port or a free one'),
  chat: z
    .union([z.literal(true), z.string().min(1)])
    .optional()
    .describe('at the end, ask the tuned model about this .txt or .md document, or a held-out one'),
  chatUrl: z.url().optional().describe('OpenAI-compatible server that writes the pairs, for example http://127.0.0.1:11434/v1'),
  chatModel: z.string().min(1).optional().describe('model name on that server (API key from OPENAI_API_KEY)'),
})

export type Settings = z.infer<typeof schema>

const presets: Record<string, Partial<Settings>> = {
  quick: {
    name: 'quick',
    maxTexts: 60,
    vocabularySize: 512,
    hiddenSize: 64,
    intermediateSize: 192,
    numLayers: 2,
    shortLength: 64,
    longLength: 512,
    recallSteps: 30,
    pretrainSteps: 60,
    extendSteps: 12,
    instructSteps: 6,
    evalDocuments: 4,
    evalTrials: 1,
    pairs: 24,
    checkpointEvery: 20,
  },
  default: {},
  laptop: {
    name: 'laptop',
    vocabularySize: 2048,
    hiddenSize: 128,
    intermediateSize: 384,
    numLayers: 3,
    numHeads: 4,
    numKvHeads: 2,
    shortLength: 1024,
    longLength: 32_768,
    tokensPerBatch: 32_768,
    recallSteps: 300,
    pretrainSteps: 600,
    extendSteps: 40,
    instructSteps: 20,
    evalDocuments: 4,
    evalTrials: 2,
    pairs: 60,
    checkpointEvery: 5,
  },
}

const placeholders: Readonly<Record<string, string>> = { texts: '<paths...>', watch: '[port]', chat: '[document]' }

/** Settings from `argv` (without node and script). Prints help and exits for `--help`; throws an Error that names option, value and rule. */
export function readSettings(argv: readonly string[]): Settings {
  const command = new Command('pnpm start')
    .description('Takes a small Llama from a short to a long context, the way of Xiong et al. 2023, and reports what came of it.')
    .addOption(new Option('--preset <name>', 'set of defaults').choices(Object.keys(presets)).default('default'))
    .option('--config <file>', 'YAML file with any of the settings below, in camelCase')
    .configureHelp({ showGlobalOptions: true })
  const { preset, config, ...given } = wordsOf(addOptions(command, schema, placeholders), argv)
  const file: unknown = config === undefined ? {} : parse(readFileSync(String(config), 'utf8'))
  if (typeof file !== 'object' || file === null || Array.isArray(file))
    throw new Error(`--config ${config}: expected a YAML mapping of settings, got ${JSON.stringify(file)}`)
  return consistent(command, checked(command, schema, { ...presets[String(preset)], ...file, ...given }))
}

function consistent(command: Command, settings: Settings): Settings {
  const { shortLength, longLength, tokensPerBatch, hiddenSize, numHeads, numKvHeads, chatUrl, chatModel } = settings
  const fail = (message: string) => {
    throw settingsError(command, message)
  }
  if (longLength <= shortLength || longLength % shortLength !== 0)
    fail(`--long-length ${longLength}: must be a multiple of --short-length ${shortLength}, for example ${8 * shortLength}`)
  if (tokensPerBatch % longLength !== 0)
    fail(
      `--tokens-per-batch ${tokensPerBatch}: must be a multiple of --long-length ${longLength}, so that every stage sees as many tokens a step`,
    )
  if (hiddenSize % (2 * numHeads) !== 0)
    fail(`--hidden-size ${hiddenSize}: must be a multiple of 2·--num-heads = ${2 * numHeads} (rotary pairs)`)
  if (numHeads % numKvHeads !== 0) fail(`--num-kv-heads ${numKvHeads}: must divide --num-heads ${numHeads}`)
  if ((chatUrl === undefined) !== (chatModel === undefined))
    fail(`--chat-url and --chat-model belong together; got only ${chatUrl === undefined ? '--chat-model' : '--chat-url'}`)
  return settings
}
