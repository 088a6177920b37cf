// The page around the findings: one file, no script, no request; light and dark by the reader's setting.
import { escapeHtml } from './plots.ts'

export interface Section {
  readonly title: string
  /** HTML. */
  readonly body: string
}

const css = `
:root{--bg:#fff;--fg:#1c1e21;--soft:#5a616b;--line:#e3e6ea;--card:#f6f7f9;--abf:#1f6feb;--rope:#c9372c;--pi:#c77700;--short:#6b7280;--tuned:#1a7f37;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--fg:#e6e8eb;--soft:#9aa3ae;--line:#2b3038;--card:#1c2027;--abf:#6aa9ff;--rope:#ff7b72;--pi:#f0a742;--short:#9aa3ae;--tuned:#56d364}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}h1{font-size:1.9rem;line-height:1.2;margin:0 0 8px}h2{font-size:1.25rem;margin:44px 0 8px;padding-top:12px;border-top:1px solid var(--line)}
p{max-width:75ch;margin:8px 0}.soft{color:var(--soft)}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:20px;margin:14px 0}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;min-width:0}figcaption{font-weight:600;margin-bottom:6px}figure svg{width:100%;height:auto;display:block;overflow:visible}
.finding{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--abf);border-radius:10px;padding:10px 16px}.finding h3{font-size:1.02rem;margin:2px 0 4px}.finding p{margin:0 0 4px;font-size:.94rem;color:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.86rem;color:var(--soft)}.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.table{overflow-x:auto;margin:12px 0}table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:right}
blockquote{margin:10px 0;padding:10px 14px;background:var(--card);border-left:3px solid var(--line);border-radius:6px;max-width:85ch;overflow-wrap:anywhere;font-size:.92rem}code{font-size:.9em;overflow-wrap:anywhere}
details{margin:10px 0}summary{cursor:pointer}`

/** A whole HTML document. */
export function page(title: string, lead: string, sections: readonly Section[]): string {
  const body = sections.map((section) => `<section><h2>${escapeHtml(section.title)}</h2>${section.body}</section>`).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>${css}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>${lead}
${body}</main></body></html>
`
}

/** Numbers are right-aligned; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const isNumber = (column: number) =>
    rows.every((row) => typeof row[column] === 'number' || /^[−-]?[\d.,]+( ?±.*| ?%)?$|^–$/.test(String(row[column] ?? '–')))
  const mark = head.map((_, column) => (isNumber(column) ? ' class="n"' : ''))
  const line = (cells: readonly (string | number)[], tag: string) =>
    `<tr>${cells.map((cell, i) => `<${tag}${mark[i]}>${escapeHtml(String(cell))}</${tag}>`).join('')}</tr>`
  return `<div class="table"><table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table></div>`
}
