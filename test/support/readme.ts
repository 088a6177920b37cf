import { read } from './workspace.ts'

export interface Block {
  /** File and line, for messages. */
  readonly title: string
  readonly code: string
}

/** The ```ts blocks of a Markdown file. */
export function blocksOf(file: string): Block[] {
  const text = read(file)
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => ({
    title: `${file}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1] ?? '',
  }))
}
