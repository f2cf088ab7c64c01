// Packs the packages for a system that can't build the addon or reach the registry, and fills a cache of npm with all
// that an installation needs there.
// Usage: node test/dist/packages/pack.js FOLDER ADDON PATH; PATH is the addon's place below `prebuilds`

import { join } from 'node:path';
import { pack } from './packing.js';
import { Workbench } from './workbench.js';

const [folder, file, path] = process.argv.slice(2);
if (folder === undefined || file === undefined || path === undefined)
  throw new TypeError('three parameters are needed');
await pack(folder, { file, path });
process.env['ENTROPYNET_PACKED'] = folder;
process.env['npm_config_cache'] = join(folder, 'cache');
const workbench = new Workbench();
try {
  await workbench.packAll();
  await workbench.install(workbench.newProject('project'), workbench.withOwnDependencies('entropynet'));
} finally {
  workbench.dispose();
}
