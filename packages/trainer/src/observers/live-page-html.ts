/** The page of `livePage`: plots of what /events sends. Text arrives as data and is set as text, so it cannot become markup. */
export const pageHtml = (title: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/uplot.css">
<style>
  :root { color-scheme: light dark; --muted: #777; --line: #8884 }
  body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 1240px; padding: 0 1rem }
  h1 { font-size: 1.3rem; margin: 0 0 .2rem } h2 { font-size: .95rem; margin: 0 0 .3rem; font-weight: 600 }
  #now { color: var(--muted); margin: 0 0 1rem; font-variant-numeric: tabular-nums }
  #plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(380px, 100%), 1fr)); gap: 1rem }
  section { border: 1px solid var(--line); border-radius: 8px; padding: .7rem; min-width: 0 }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 16rem; overflow: auto; margin: 0; font-size: 13px }
  .wide { margin-top: 1rem } .empty { display: none } .u-legend { font-size: 12px }
</style>
<h1></h1>
<p id="now">waiting for the first step</p>
<div id="plots"></div>
<section class="wide empty" id="samples"><h2>Samples</h2><pre></pre></section>
<section class="wide empty" id="lines"><h2>Events</h2><pre></pre></section>
<script src="/uplot.js"></script>
<script>
const most = 4000 // points of a curve; older ones are thinned out
document.querySelector('h1').textContent = document.title
const dark = matchMedia('(prefers-color-scheme: dark)').matches
const [ink, grid] = dark ? ['#ccc', '#fff2'] : ['#333', '#0002']
const tick = (value) => value !== 0 && Math.abs(value) < 0.01 ? value.toExponential().replace('e-', '·10⁻').replace(/\\d+$/, (digits) => [...digits].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join('')) : value.toLocaleString('en')
const axes = (x) => [x, undefined].map((label) => ({
  stroke: ink, grid: { stroke: grid }, ticks: { stroke: grid },
  ...(label ? { label, labelSize: 18 } : { size: 66, values: (_, splits) => splits.map((value) => (value == null ? '' : tick(value))) }),
}))

function plot(title, series, { x = 'step', log = false, points = false } = {}) {
  const section = document.createElement('section')
  section.className = 'empty'
  section.append(Object.assign(document.createElement('h2'), { textContent: title }))
  document.querySelector('#plots').append(section)
  const data = [[], ...series.map(() => [])]
  let chart
  const size = () => ({ width: section.clientWidth - 24, height: 220 })
  const draw = () => {
    section.className = ''
    chart ??= new uPlot({
      ...size(), axes: axes(x), scales: { x: { time: false }, ...(log ? { y: { distr: 3 } } : {}) },
      series: [{ label: x }, ...series.map(([label, stroke], i) => ({ label, stroke, width: i ? 2 : 1.25, spanGaps: true, points: { show: points && i > 0 } }))],
    }, data, section)
    chart.setData(data)
  }
  addEventListener('resize', () => chart && chart.setSize(size()))
  return { data, draw, thin() { if (data[0].length > most) for (const column of data) column.splice(0, column.length, ...column.filter((_, i) => i % 2 || column[i] == null)) } }
}
const plots = {
  loss: plot('Loss', [['loss', '#3b7dd8'], ['validation', '#d8663b']], { points: true }),
  gradientNorm: plot('Gradient norm', [['before clipping', '#8a56c2']], { log: true }),
  learningRate: plot('Learning rate', [['rate', '#2f9e6e']]),
  tokensPerSecond: plot('Tokens per second', [['tokens/s', '#b58a1b']]),
  positions: plot('Loss by position', [['earlier', '#9bb9e4'], ['newest', '#3b7dd8']], { x: 'position' }),
}
const waiting = new Set()
function later(name) {
  if (waiting.size === 0) requestAnimationFrame(() => { for (const one of waiting) plots[one].draw(); waiting.clear() })
  waiting.add(name)
}
function add(name, x, ...values) {
  const { data } = plots[name]
  while (data[0].length && data[0].at(-1) >= x) for (const column of data) column.pop() // the run went back
  data[0].push(x)
  values.forEach((value, i) => data[i + 1].push(value))
  if (name !== 'positions') plots[name].thin()
  later(name)
}
function append(id, text) {
  const section = document.querySelector(id)
  section.className = 'wide'
  section.querySelector('pre').prepend(text + '\\n')
}
const show = {
  report({ step, loss, learningRate, gradientNorm, tokensPerSecond, validationLoss }) {
    add('loss', step, loss, validationLoss)
    add('gradientNorm', step, gradientNorm > 0 ? gradientNorm : null)
    add('learningRate', step, learningRate)
    if (tokensPerSecond) add('tokensPerSecond', step, tokensPerSecond)
    const rate = tokensPerSecond ? ' · ' + Math.round(tokensPerSecond).toLocaleString('en') + ' tokens/s' : ''
    document.querySelector('#now').textContent = 'step ' + step.toLocaleString('en') + ' · loss ' + (loss == null ? 'not finite' : loss.toFixed(4)) + rate
  },
  positions({ losses, binWidth }) {
    const { data } = plots.positions
    const before = data[0].length === losses.length ? data[2] : losses.map(() => null)
    data.splice(0, 3, losses.map((_, i) => (i + 0.5) * binWidth), before, losses)
    later('positions')
  },
  sample: ({ step, text }) => append('#samples', '— step ' + step + '\\n' + text + '\\n'),
  line: ({ step, text }) => append('#lines', 'step ' + step + ': ' + text),
}
new EventSource('/events').onmessage = ({ data }) => { const message = JSON.parse(data); show[message.kind](message) }
</script>
</html>
`
