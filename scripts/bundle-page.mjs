// Bundles a page into one program and one style, nothing from elsewhere.
// Usage: node scripts/bundle-page.mjs FOLDER OUTPUT

import { resolve } from 'node:path';
import { build } from 'vite';

const [folder = '', output = ''] = process.argv.slice(2);

await build({
  configFile: false,
  logLevel: 'warn',
  root: resolve(folder),
  base: './',
  build: {
    outDir: resolve(output),
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    // What the licences of the libraries inside ask for.
    license: { fileName: 'licenses.md' },
    rollupOptions: { output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]' } },
  },
});
