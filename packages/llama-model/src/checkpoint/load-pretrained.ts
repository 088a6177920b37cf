import * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import { loadGguf } from '../gguf/load-gguf.ts'
import { type Params, paramShapes } from '../params.ts'
import { inOrder } from './expected.ts'
import { loadFolder } from './load-folder.ts'
import { loadLlama2c } from './load-llama2c.ts'
import { locate, type ModelCache, type ModelLocation } from './location.ts'
import type { OriginalFiles } from './original-files.ts'
import type { Source } from './source.ts'

export interface LoadOptions {
  /** Keeps what comes from a server: a folder's path in Node, a folder of the origin private file system in a browser. */
  readonly cache?: ModelCache | undefined
  /** Whether to read the tokenizer too; default true. */
  readonly tokenizer?: boolean | undefined
}

/** A model with what belongs to it; `savePretrained(dir, loaded)` writes it again. */
export interface LoadedModel {
  /** In the order of the network; the caller disposes them. */
  readonly params: Params
  readonly config: LlamaConfig
  /** How all weights were stored; float32 where they differ, or were quantised. */
  readonly dtype: 'float32' | 'float16' | 'bfloat16'
  /** Files by name, `tokenizer.json` and `tokenizer_config.json` (with the chat template) among them; empty where there are none. */
  readonly tokenizer: Readonly<Record<string, string>>
  /** `config.json`, `generation_config.json` and `tokenizer.model` of a folder as they were. */
  readonly original?: OriginalFiles | undefined
}

/**
 * Reads a Llama onto the current backend as float32: a folder in the Hugging Face layout (`config.json`, and `model.safetensors` or the
 * shards of `model.safetensors.index.json`, of F32, F16 or BF16), a `.gguf` file (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K,
 * Q6_K), or a `.bin` file of llama2.c. Files are read once, float32 of local ones straight into the heap of tfjs-wasm, all else about a
 * megabyte of a tensor at a time.
 *
 * @param location path or URL; in a browser also a relative URL, a `File`, the files of a folder, or a folder of its file system
 * @throws RangeError, TypeError or Error that names file, tensor and value when a file is missing, damaged or cut off, or when names
 *   and shapes are not those of the configuration; nothing stays allocated then
 */
export async function loadPretrained(location: ModelLocation, options: LoadOptions = {}): Promise<LoadedModel> {
  const { cache, tokenizer = true } = options
  const { source, file } = locate(location, cache)
  const loaded: Params = {}
  try {
    const model = await load(source, file, loaded, tokenizer)
    return { ...model, params: inOrder(paramShapes(model.config), loaded) }
  } catch (error) {
    tf.dispose(loaded)
    throw error
  }
}

function load(source: Source, file: string | undefined, loaded: Params, tokenizer: boolean): Promise<Omit<LoadedModel, 'params'>> {
  if (file === undefined) return loadFolder(source, loaded, tokenizer)
  return /\.bin$/i.test(file) ? loadLlama2c(source, file, loaded) : loadGguf(source, file, loaded, tokenizer)
}
