// Builds the addon that is shipped in the package of the shared-memory transport, for this machine's system:
// `prebuilds/<system>-<architecture>/` in the package's folder. Built beside the workspace, whose own addon stays as it is.
// Usage: node scripts/prebuild.mjs [FOLDER]; FOLDER is the package's, or where it is being put together.

import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';
import { addonFolder, nodeHeadersFolder } from '../packages/transport-shm/bin/addon-build.mjs';

const rootFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const stage = mkdtempSync(join(tmpdir(), 'entropynet-prebuild-'));
try {
  // prebuildify builds where the manifest lies, so the sources lie beside it here.
  cpSync(join(addonFolder, 'native'), stage, { recursive: true });
  cpSync(join(addonFolder, 'package.json'), join(stage, 'package.json'));
  symlinkSync(join(rootFolder, 'node_modules'), join(stage, 'node_modules'), 'junction');
  // Spares node-gyp a download, where the headers were installed with Node.js.
  const headers = nodeHeadersFolder();
  if (headers !== undefined) process.env.npm_config_nodedir ??= headers;
  await promisify(prebuildify)({
    cwd: stage,
    napi: true,
    strip: process.platform !== 'win32',
    tagLibc: process.platform === 'linux',
    quiet: true,
    targets: [{ runtime: 'node', target: process.versions.node }],
  });
  cpSync(join(stage, 'prebuilds'), join(process.argv[2] ?? addonFolder, 'prebuilds'), { recursive: true });
} finally {
  rmSync(stage, { recursive: true, force: true });
}
