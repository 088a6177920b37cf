import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSettings } from '../long-context/settings.ts'

describe('settings', () => {
  it('the command line wins over the YAML file, the file over the preset', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'settings-')), 'run.yaml')
    writeFileSync(file, 'hiddenSize: 32\npretrainSteps: 7\nseeds: [3, 4]\n')
    const settings = readSettings(['--preset', 'quick', '--config', file, '--pretrain-steps', '9'])
    expect(settings).toMatchObject({ name: 'quick', hiddenSize: 32, pretrainSteps: 9, seeds: [3, 4], longLength: 512 })
  })

  it('takes lists', () => {
    expect(readSettings(['--seeds', '1,2,3', '--texts', 'a.txt', 'b'])).toMatchObject({ seeds: [1, 2, 3], texts: ['a.txt', 'b'] })
  })

  it.each([
    [['--extend-steps', '0'], /--extend-steps "0".*>=1/],
    [['--recall-share', '1.5'], /--recall-share "1.5".*<=1/],
    [['--engine', 'cuda'], /--engine "cuda".*wasm/],
    [['--seeds', '1,x'], /--seeds "1,x"/],
    [['--long-length', '1000'], /--long-length 1000: must be a multiple of --short-length 128, for example 1024/],
    [['--tokens-per-batch', '1500'], /--tokens-per-batch 1500: must be a multiple of --long-length 1024/],
    [['--hidden-size', '62'], /--hidden-size 62: must be a multiple of 2·--num-heads = 4/],
    [['--num-kv-heads', '3'], /--num-kv-heads 3: must divide --num-heads 2/],
    [['--chat-model', 'm'], /--chat-url and --chat-model belong together; got only --chat-model/],
    [['--chat-url', 'not a url', '--chat-model', 'm'], /--chat-url "not a url".*URL/],
    [['--name', '../x'], /--name "..\/x".*letters, digits/],
  ])('refuses %j', (argv, message) => {
    expect(() => readSettings(argv)).toThrow(message)
  })

  it('names an unknown key of the YAML file, and a file that is no mapping', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settings-'))
    writeFileSync(join(folder, 'typo.yaml'), 'hidenSize: 32\n')
    writeFileSync(join(folder, 'list.yaml'), '- 1\n')
    expect(() => readSettings(['--config', join(folder, 'typo.yaml')])).toThrow(/hidenSize/)
    expect(() => readSettings(['--config', join(folder, 'list.yaml')])).toThrow(/expected a YAML mapping of settings, got \[1\]/)
    expect(() => readSettings(['--config', join(folder, 'none.yaml')])).toThrow(/none\.yaml/)
  })
})
