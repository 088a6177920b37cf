/** A text and where it was found. */
export interface TextDocument {
  /** The file within the folder that was named, with `/`; for a line of JSONL or a row of Parquet also `:` and its number. */
  readonly id: string
  readonly source: string
  readonly text: string
  /** Path, as it was named. */
  readonly file: string
  /** Line of a JSONL file, row of a Parquet file, from 1; 1 for a file that is one text. */
  readonly line: number
}

/** What is wrong with one document. */
export interface Problem {
  readonly kind: 'empty' | 'duplicate' | 'encoding' | 'json' | 'field' | 'too-long' | 'compression' | 'parquet'
  readonly file: string
  readonly line: number
  /** File, line, what is wrong and the way out. */
  readonly message: string
}

export interface ReadOptions {
  /** Name of the source. Default: that of the folder or the file, without its ending. */
  readonly source?: string
  /** Member of a JSONL object or column of a Parquet file that holds the text. Default 'text'. */
  readonly field?: string
  /** Member or column that holds the id, a string or a number. Default: ids are made of file and line. */
  readonly idField?: string
  /** Of a folder with several splits, such as a Hugging Face dataset: 'train', 'test', … */
  readonly split?: string
  /** Bytes of the longest text, and of the longest line of JSONL; at most 2²⁹, what a string can hold. Default 2²⁷, 128 MiB. */
  readonly maxDocumentBytes?: number
  /** Called for every document that is left out. Default: a RangeError with the message ends the reading. */
  readonly onProblem?: (problem: Problem) => void
}
