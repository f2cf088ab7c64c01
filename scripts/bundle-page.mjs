// Bundles a page into one program and one style, nothing from elsewhere.
// Usage: node scripts/bundle-page.mjs FOLDER OUTPUT

import { appendFileSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { rootFolder } from './workspace.mjs';

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

// The packages contain parts of it, so the page has them too, also if the bundler does not know.
const library = 'valibot';
const licenses = join(resolve(output), 'licenses.md');
if (!readFileSync(licenses, 'utf8').includes(`## ${library} `)) {
  const folder = join(rootFolder, 'node_modules', library);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = readFileSync(join(folder, 'LICENSE.md'), 'utf8');
  appendFileSync(licenses, `\n## ${library} - ${version} (${license})\n\n${text}`);
}
