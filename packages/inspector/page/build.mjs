// Bundles the page into `dist/page`, where the package serves it from: one program, one style, nothing from elsewhere.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const folder = dirname(fileURLToPath(import.meta.url));

await build({
  configFile: false,
  logLevel: 'warn',
  root: folder,
  base: './',
  build: {
    outDir: join(folder, '..', 'dist', 'page'),
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    rollupOptions: { output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]' } },
  },
});
