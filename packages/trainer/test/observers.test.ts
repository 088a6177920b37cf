import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import * as tf from '@tensorflow/tfjs-core'
import { chromium as playwright } from 'playwright'
import { type StepReport, train } from 'trainer'
import { livePage, progressBar, tensorBoard } from 'trainer/node'
import { describe, expect, it } from 'vitest'
import { eventRecord } from '../src/observers/event-record.ts'
import { makeParams, settings, withFolder } from './support.ts'

const golden = JSON.parse(readFileSync(new URL('./golden/events.json', import.meta.url), 'utf8')) as { records: string[] }
const report = (step: number, more: Partial<StepReport> = {}): StepReport => ({
  ...{ step, loss: 4 / step, learningRate: 1e-3, gradientNorm: 1, clipped: false, tokens: 1000, milliseconds: 500 },
  ...more,
})

const chromium = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))

describe('tensorBoard', () => {
  it("writes the bytes that TensorBoard's own writer does", () => {
    const records = [
      eventRecord({ seconds: 1764000000.25, fileVersion: 'brain.Event:2' }),
      eventRecord({ seconds: 1764000001.5, step: 1, scalars: [['loss', 3.25]] }),
      eventRecord({
        seconds: 1764000002.125,
        step: 2 ** 40 + 300,
        scalars: [
          ['loss', 0.1],
          ['Verlust/Prüfung', Number.NaN],
          ['rate', -1e-30],
        ],
      }),
      eventRecord({ seconds: 1764000003, step: 7, sessionStart: true }),
    ]
    expect(records.map((record) => Buffer.from(record).toString('base64'))).toEqual(golden.records)
  })

  it('appends a record for each report to a file of its own, and tells where a resumed run begins', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      const log = await tensorBoard(dir)
      for await (const report of train(settings(params, { totalSteps: 3 }))) await log(report)
      const again = await tensorBoard(dir, { resume: { step: 2 }, scalars: ({ loss }) => ({ 'my/loss': loss, nothing: undefined }) })
      await again(report(3))
      const files = readdirSync(dir).sort()
      expect(files).toHaveLength(2)
      const [first, second] = files.map((file) => readFileSync(join(dir, file), 'latin1'))
      expect(first!.match(/gradientNorm/g)).toHaveLength(3)
      expect(second).toContain('my/loss')
      expect(second).not.toContain('nothing')
      tf.dispose(params)
    }))

  it('is read by TensorBoard', ({ skip }) =>
    withFolder(async (dir) => {
      const python = process.env.TENSORBOARD_PYTHON // of an environment with `pip install tensorboard`
      if (!python) return skip('TENSORBOARD_PYTHON names no Python with tensorboard')
      const log = await tensorBoard(join(dir, 'run'))
      for (let step = 1; step <= 50; step++) await log(report(step))
      const again = await tensorBoard(join(dir, 'run'), { resume: { step: 30 } })
      for (let step = 31; step <= 60; step++) await again(report(step))
      const script = `
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
runs = EventAccumulator('${dir}/run').Reload()
print(sorted(runs.Tags()['scalars']), [e.step for e in runs.Scalars('loss')] == list(range(1, 61)), round(runs.Scalars('loss')[3].value, 4))`
      expect(execFileSync(python, ['-c', script], { encoding: 'utf8' })).toBe(
        "['gradientNorm', 'learningRate', 'loss', 'tokensPerSecond'] True 1.0\n",
      )
    }))
})

describe('progressBar', () => {
  it('prints lines where there is no terminal, with rates, time left and events', () => {
    const stream = new PassThrough()
    const show = progressBar({ totalSteps: 40, flopsPerStep: 3e9, stream: stream as never })
    show(report(21, { resumed: { from: 'run/step-00000020', skipped: [{ path: 'run/step-00000022', reason: 'cut off' }] } }))
    show(report(22, { skipped: 'the loss is NaN', rolledBackTo: 20 }))
    show(report(40, { checkpointError: 'disk full' }))
    expect(String(stream.read())).toBe(
      [
        'passed over run/step-00000022: cut off',
        'goes on from run/step-00000020',
        'training 21/40 | loss 0.190 | 2.00 k tokens/s | 6.00 GFLOP/s | 10 s left',
        'step 22 rolled back to step 20: the loss is NaN',
        'training 22/40 | loss 0.182 | 2.00 k tokens/s | 6.00 GFLOP/s | 9 s left',
        'disk full',
        'training 40/40 | loss 0.100 | 2.00 k tokens/s | 6.00 GFLOP/s | 0 s left',
        '',
      ].join('\n'),
    )
  })

  it('is a bar on a terminal', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, cursorTo() {}, clearLine() {}, columns: 120 })
    const show = progressBar({ totalSteps: 2, stream: stream as never })
    show(report(1))
    show(report(2))
    expect(String(stream.read())).toMatch(/training .* 2\/2 \| ETA .* \| loss 2\.000 \| 2\.00 k tokens\/s/)
  })
})

describe('livePage', () => {
  const get = (url: string, options: object = {}): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      request(url, options, (response) => {
        let body = ''
        response.on('data', (text) => {
          body += text
          if (url.endsWith('/events') && body.includes('last"')) response.destroy()
        })
        response.on('close', () => resolve({ status: response.statusCode!, body }))
      })
        .on('error', reject)
        .end()
    })

  it('serves a page, and to a late visitor everything from the start', async () => {
    const page = await livePage({ title: '</title><script>alert(1)</script>' })
    page.report(report(1))
    page.sample(1, '<img src=x onerror=alert(1)>')
    page.lossByPosition(1, Float32Array.of(4, 3), 512)
    page.report(report(2, { skipped: 'last' }))
    const { body } = await get(`${page.url}events`)
    const messages = [...body.matchAll(/data: (.*)/g)].map(([, text]) => JSON.parse(text!))
    expect(messages.map(({ kind }) => kind)).toEqual(['report', 'sample', 'positions', 'report', 'line'])
    expect(messages[0]).toMatchObject({ step: 1, loss: 4, tokensPerSecond: 2000 })
    const html = await get(page.url)
    expect([html.status, html.body.includes('<script>alert')]).toEqual([200, false])
    for (const file of ['uplot.js', 'uplot.css']) expect((await get(page.url + file)).status).toBe(200)
    const rest = await get(`${page.url}events`, { headers: { 'last-event-id': '2' } })
    expect(rest.body.match(/^id: /gm)).toHaveLength(2)
    await page.close()
  })

  it('draws in a browser what comes, and shows texts as texts', async ({ skip }) => {
    if (!chromium) return skip('no Chromium here')
    const page = await livePage()
    for (let step = 1; step <= 20; step++) page.report(report(step))
    const browser = await playwright.launch({ executablePath: chromium, args: ['--no-sandbox'] })
    try {
      const tab = await browser.newPage()
      const errors: string[] = []
      tab.on('console', (message) => errors.push(message.text()))
      tab.on('pageerror', ({ message }) => errors.push(message))
      await tab.goto(page.url)
      await tab.waitForFunction(() => document.querySelectorAll('canvas').length === 4)
      page.lossByPosition(21, Float32Array.of(4, 3, 2), 512)
      page.sample(21, '<b>bold</b>')
      page.report(report(21, { skipped: 'the loss is NaN' }))
      await tab.waitForFunction(() => document.querySelectorAll('canvas').length === 5)
      await tab.waitForFunction(() => document.querySelector('#lines')?.textContent?.includes('step 21: skipped: the loss is NaN'))
      expect(await tab.textContent('#now')).toBe('step 21 · loss 0.1905 · 2,000 tokens/s')
      expect(await tab.textContent('#samples pre')).toBe('— step 21\n<b>bold</b>\n\n')
      expect(errors).toEqual([])
    } finally {
      await browser.close()
      await page.close()
    }
  })

  it('refuses other hosts, methods and paths, and a port in use', async () => {
    const page = await livePage()
    expect((await get(page.url, { headers: { host: 'evil.example' } })).status).toBe(403)
    expect((await get(page.url, { method: 'POST' })).status).toBe(405)
    expect((await get(`${page.url}../../etc/passwd`)).status).toBe(404)
    const port = Number(new URL(page.url).port)
    await expect(livePage({ port })).rejects.toThrow(`livePage: port ${port} is in use; choose another, or 0 for a free one.`)
    await page.close()
  })
})
