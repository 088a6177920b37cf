// A worker prints on the page's console.
new Worker(new URL('./wasm-page.ts', import.meta.url), { type: 'module' })
