// One vitest project per engine. Those that this machine cannot run are left out, with one line that says what is missing.
import { existsSync } from 'node:fs'
import { playwright } from '@vitest/browser-playwright'
import type { TestProjectConfiguration } from 'vitest/config'
import { peersFolder } from '../../bench/peers/peers-folder.ts'

const conditions = ['@repo/source', 'module', 'browser', 'import', 'default']
const tests = { include: ['packages/*/test/engines/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 }
const chromium = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))
const vulkan = existsSync('/usr/lib/chromium/vk_swiftshader_icd.json') || process.env.VK_DRIVER_FILES !== undefined

const node = (name: string, setup: string): TestProjectConfiguration => ({
  extends: true,
  test: { ...tests, name, provide: { engine: name }, pool: 'forks', setupFiles: ['./test/setup.ts', `./test/engines/${setup}.ts`] },
})

const browser = (name: string): TestProjectConfiguration => ({
  resolve: { conditions },
  server: {
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Resource-Policy': 'same-origin',
    },
  },
  // found now, not in the middle of a test: a dependency found late reloads the page
  optimizeDeps: {
    include: [
      '@tensorflow/tfjs',
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-webgpu',
      'fast-check',
    ],
  },
  test: {
    ...tests,
    name,
    provide: { engine: name },
    setupFiles: ['./test/setup.ts', `./test/engines/${name}.ts`],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          ...(chromium === undefined ? {} : { executablePath: chromium }),
          args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
        },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
})

const engines = [
  { name: 'cpu', make: () => node('cpu', 'cpu') },
  ...['wasm-relaxed', 'wasm-relaxed-2', 'wasm-simd', 'wasm-simd-2'].map((name) => ({ name, make: () => node(name, 'wasm') })),
  {
    name: 'webgpu',
    make: () => node('webgpu', 'webgpu'),
    missing: !vulkan && 'apt-get install chromium libvulkan1, or set VK_DRIVER_FILES',
  },
  ...['chromium-wasm', 'chromium-webgpu'].map((name) => ({
    name,
    make: () => browser(name),
    missing: chromium === undefined && 'apt-get install chromium, or set CHROMIUM to the path of one',
  })),
  {
    name: 'node',
    make: () => node('node', 'node'),
    missing: !existsSync(`${peersFolder}node_modules/@tensorflow/tfjs-node/package.json`) && 'bench/setup-peers',
  },
]

/** Projects of the engines that are installed here. */
export function engineProjects(): TestProjectConfiguration[] {
  return engines.flatMap(({ name, make, ...rest }) => {
    const missing = 'missing' in rest && rest.missing
    if (missing) console.log(`engine ${name} is left out; to test it: ${missing}`)
    return missing ? [] : [make()]
  })
}
