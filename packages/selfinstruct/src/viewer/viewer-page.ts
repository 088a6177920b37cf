import type { Outcome, SourceDocument } from '../types.ts'
import { script, scriptHash, style, styleHash } from './client.generated.ts'
import { viewerData } from './viewer-data.ts'

export interface ViewerPageOptions {
  /** Default 'selfinstruct'. */
  readonly title?: string
  /** Pairs and rejections, as `selfInstruct` yielded them. */
  readonly outcomes: readonly Outcome[]
  /** The documents they are about, read once; others are passed over. Of each the page takes what is needed to show the chunks. */
  readonly documents: Iterable<SourceDocument> | AsyncIterable<SourceDocument>
}

/**
 * One HTML page that needs nothing else: every pair beside its chunk, rejections with their reasons, filters, search, statistics. Text of models and
 * documents is data in it and shown as text, so it cannot become markup or script; its content security policy allows this page's own script and style, no
 * other and no request.
 */
export async function viewerPage({ title = 'selfinstruct', outcomes, documents }: ViewerPageOptions): Promise<string> {
  const data = await viewerData(title, outcomes, documents)
  const policy = `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title>
<style>${style}</style></head><body>
<noscript>This page is drawn by its script; allow scripts for it.</noscript>
<script type="application/json" id="data">${asScriptText(data)}</script>
<script>${script}</script>
</body></html>
`
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** JSON that no HTML parser takes for a tag or a comment, and no script for a line end. */
const asScriptText = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
