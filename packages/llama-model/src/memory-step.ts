import { keepsProducts } from './block.ts'
import type { LlamaConfig } from './config.ts'
import { loraModules, loraShapes } from './lora/lora-config.ts'
import { paramShapes } from './params.ts'

/** What is worked on at a time. */
export interface MicroBatch {
  readonly config: LlamaConfig
  readonly batchSize: number
  readonly rowLength: number
  readonly isCheckpointed: (layer: number) => boolean
  readonly trainable: (name: string) => boolean
  /** The lowest layer with a parameter that learns; the gradient goes no deeper. */
  readonly firstTrainable: number
}

/** Numbers held at the moment and at most; all sizes here count numbers of 4 bytes. */
class Ledger {
  held = 0
  most = 0
  take(...sizes: readonly number[]): void {
    for (const size of sizes) this.held += size
    this.most = Math.max(this.most, this.held)
  }
  free(...sizes: readonly number[]): void {
    for (const size of sizes) this.held -= size
  }
  pass(...sizes: readonly number[]): void {
    this.take(...sizes)
    this.free(...sizes)
  }
}

/**
 * The most numbers that loss and gradients of a micro-batch hold at a time, parameters aside: what each operation of `block.ts` and
 * `ops/` takes and gives back, in order, on the kernels of llama-kernels-tfjs and flash-attn-tfjs.
 */
export function microBatchPeak(batch: MicroBatch): number {
  const { config, isCheckpointed, trainable, firstTrainable } = batch
  const { hiddenSize, vocabSize, headDim, numLayers } = config
  const sizes = layerSizes(batch)
  const { x, row } = sizes
  const head = vocabSize * hiddenSize
  const learnt = learntBy(batch)
  const headLearnt = trainable(config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight') ? head : 0
  const ledger = new Ledger()
  ledger.take(7 * row, row * headDim, x) // the batch and what is made of it; table of rotations; embedding
  for (let layer = 0; layer < numLayers; layer++) forwardLayer(ledger, sizes, isCheckpointed(layer))
  ledger.take(2 * x, head, 4 * row) // last norm; both gradients of the output layer, which come with the loss
  ledger.pass(Math.max(128, Math.min(1024, 2 ** 21 / vocabSize)) * vocabSize) // some rows of logits
  ledger.free(x)
  ledger.take(x, headLearnt) // the gradients times that of the loss
  ledger.free(x, head)
  ledger.take(x)
  ledger.free(2 * x)
  for (let layer = numLayers - 1; layer >= firstTrainable; layer--) backwardLayer(ledger, sizes, isCheckpointed(layer), learnt(layer))
  if (trainable('model.embed_tokens.weight')) ledger.pass(2 * head)
  return ledger.most
}

type Sizes = ReturnType<typeof layerSizes>

function layerSizes({ config, batchSize, rowLength }: MicroBatch) {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = config
  const row = batchSize * rowLength
  return {
    row,
    x: row * hiddenSize,
    product: row * intermediateSize,
    query: row * numHeads * headDim,
    key: row * numKvHeads * headDim,
    logSumExp: row * numHeads,
    keepsProducts: keepsProducts(config, rowLength),
    composed: row * composedWidth(config),
  }
}

/** Of a layer, how many weights of attention and of the MLP learn; only they get gradients. */
function learntBy({ config, trainable }: MicroBatch): (layer: number) => { attention: number; mlp: number } {
  const learning = [...paramShapes(config), ...loraShapes(config)].filter(([name]) => trainable(name))
  const count = (part: string) =>
    learning.filter(([name]) => name.startsWith(part)).reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size), 0)
  return (layer) => ({ attention: count(`model.layers.${layer}.self_attn`), mlp: count(`model.layers.${layer}.mlp`) })
}

/** What tfjs keeps besides, for each token of a layer: gradients around every module with a LoRA; of an MLP that a LoRA or biases make composed, about a dozen of its width. */
function composedWidth(config: LlamaConfig): number {
  const modules = [...loraModules(config)].filter(([module]) => module.startsWith('model.layers.0.'))
  const isMlp = config.mlpBias || modules.some(([module]) => module.includes('.mlp.'))
  return modules.reduce((sum, [, [out, input]]) => sum + out + 2 * input, isMlp ? 12 * config.intermediateSize : 0)
}

/** Norm, projections before and after they turn, attention, sum: what is there when attention is done. Frees nothing but temporaries. */
function forwardAttention(ledger: Ledger, { x, row, query, key, logSumExp }: Sizes): void {
  ledger.take(x, row, 2 * query, 3 * key, query, logSumExp)
  ledger.take(2 * x)
  ledger.free(x)
}

function forwardLayer(ledger: Ledger, sizes: Sizes, isCheckpointed: boolean): void {
  const { x, row, product, query, key, logSumExp, keepsProducts } = sizes
  forwardAttention(ledger, sizes)
  ledger.pass(x, 2 * product) // norm and the two products
  ledger.take(2 * product, product, 2 * x)
  ledger.free(product, x)
  const kept = keepsProducts ? 2 * product : 0
  if (isCheckpointed) ledger.free(2 * x, row, 3 * query, 3 * key, logSumExp, 2 * product)
  else ledger.free(query, key, 2 * product - kept)
}

function backwardLayer(ledger: Ledger, sizes: Sizes, isCheckpointed: boolean, learnt: ReturnType<ReturnType<typeof learntBy>>): void {
  const { x, row, product, query, key, logSumExp, keepsProducts, composed } = sizes
  const before = ledger.held
  if (isCheckpointed) {
    forwardAttention(ledger, sizes)
    ledger.free(query, key)
  }
  ledger.take(composed)
  const isKept = keepsProducts && !isCheckpointed
  ledger.take(isKept ? 0 : 2 * product, learnt.mlp)
  ledger.take(product, 2 * product) // dy·down, then the gradients of the two products
  ledger.free(product, isKept ? 0 : 2 * product)
  ledger.take(4 * x) // norm again, its gradient and two parts of it
  ledger.free(3 * x, 2 * product)
  ledger.free(isCheckpointed ? 0 : x, isKept ? 2 * product : 0, x) // the saved x, the products, dy
  ledger.take(x)
  ledger.take(2 * query, 2 * key, logSumExp, learnt.attention) // gradients of attention's result, and of its three inputs
  ledger.take(x)
  ledger.free(key)
  ledger.pass(key, 2 * x)
  ledger.take(x) // gradients of the norm's result add up, and tfjs keeps the parts
  ledger.pass(query, x)
  ledger.take(x, x)
  ledger.free(2 * x, row) // norm and x
  ledger.pass(x)
  if (isCheckpointed) ledger.free(ledger.held - before - learnt.attention - learnt.mlp + x)
}
