// What can be set. Everything but the model and the length has a default that suits a model of some 100 million parameters on two cores.
import { Command } from 'commander'
import { z } from 'zod'
import { addOptions, checked, wordsOf } from '../shared/command-line.ts'

const count = (least = 1) => z.coerce.number().int().min(least)
const fraction = z.coerce.number().min(0).max(1)
const positive = z.coerce.number().positive()
const list = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(item).min(1))

const schema = z.strictObject({
  model: z
    .string({ error: 'name a folder in the Hugging Face layout, a .gguf file, or the URL of one' })
    .min(1)
    .describe('the checkpoint: a folder in the Hugging Face layout, a .gguf file, or the URL of one'),
  length: count(32).multipleOf(4).describe('context after the extension, in tokens'),
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only')
    .default('extend')
    .describe('name of the run; everything is kept under runs/<name>'),
  runs: z.string().min(1).default('runs').describe('folder that holds the runs'),
  seed: count(0).default(1).describe('of data order, adapter and questions'),
  engine: z
    .enum(['auto', 'cpu', 'wasm', 'webgpu', 'node', 'node-gpu'])
    .default('auto')
    .describe('tfjs engine; auto takes the best that loads'),
  threads: count().optional().describe('threads of our kernels (default: all processors)'),
  memory: positive.optional().describe('GiB that training may take (default: 4 on wasm, its limit; else what is free)'),
  texts: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(z.string().min(1)).min(1))
    .optional()
    .describe('folders or files of documents (.txt, .md, .jsonl, .parquet) instead of the built-in ones'),
  maxTexts: count(6).default(10_000).describe('use at most this many documents'),
  hours: positive.default(2).describe('time that may be spent on training steps'),
  steps: count().optional().describe('steps of continued pretraining, instead of as many as fit into --hours'),
  instructSteps: count().optional().describe('steps of instruction tuning, instead of as many as fit into --hours'),
  trialSteps: count().default(2).describe('steps that are measured for the plan; they change nothing'),
  curriculum: z.coerce
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe('share of the steps, at the beginning, on rows of a quarter of the length, as many tokens a step (paper §4.4)'),
  method: z.enum(['lora', 'full']).default('lora').describe('low-rank updates of attention, norms and embeddings; or every parameter'),
  rank: count().default(16).describe('rank of the low-rank updates'),
  peak: positive
    .optional()
    .describe('peak learning rate (default: 2e-4 with lora, of which norms and embeddings take a tenth; 5e-5 with full)'),
  factors: list(positive.min(1))
    .default([2, 5, 10, 20])
    .describe(
      'comma-separated: by how much the RoPE base is raised; the least that leaves no angle unseen is tried too, and the best from there on is trained',
    ),
  compare: list(z.enum(['linear', 'ntk', 'yarn']))
    .default([])
    .describe('comma-separated: methods that get equal training, for comparison'),
  repeats: count(0).default(0).describe('how often the chosen base is trained again, each time with the next seed, for comparison'),
  shortShare: fraction.default(0.2).describe('share of the training tokens in short documents'),
  checkpointEvery: count().default(1).describe('steps between checkpoints'),
  evalTexts: count().default(2).describe('held-out texts of the full length per measurement'),
  evalTrials: count(0).default(1).describe('pass keys per length and depth; 0 leaves retrieval out'),
  pairs: count(0).default(40).describe('question/answer pairs to ask for; 0 leaves instruction tuning out'),
  author: z.enum(['model', 'extractive']).default('model').describe('who writes the pairs: the model itself, or rules without a model'),
  answerTokens: count().default(64).describe('longest answer, in tokens'),
  watch: z
    .preprocess((value) => (value === true ? 0 : value), count(0))
    .optional()
    .describe('draw the training under way on a page on this machine, at this port or a free one'),
  yes: z.boolean().default(false).describe('go on after the plan without asking'),
})

export type Settings = z.infer<typeof schema>

/** These only say where and how, or how often, not what: a run may go on with others. */
export const free = ['runs', 'name', 'engine', 'threads', 'memory', 'checkpointEvery', 'compare', 'repeats', 'watch', 'yes'] as const

const placeholders = { model: '<folder|.gguf|URL>', texts: '<paths...>', watch: '[port]', yes: '' }

/** Settings from `argv` (without node and script). Prints help and exits for `--help`; throws an Error that names option, value and rule. */
export function readSettings(argv: readonly string[]): Settings {
  const command = new Command('pnpm extend').description(
    'Takes a Llama checkpoint to a longer context, the way of Xiong et al. 2023, and reports what came of it.',
  )
  return checked(command, schema, wordsOf(addOptions(command, schema, placeholders), argv))
}
