// The imports that each package may have. `eslint.config.js` contains these rules.

/** Modules with which a package could touch the outside world; `core` stays free of them. */
const inputOutputModules = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'net',
  'tls',
  'worker_threads',
];

const relativeImport = String.raw`\.{1,2}/.*`;
const nodeImport = 'node:.*';

function mayImportOnly(allowed, message) {
  return { regex: `^(?!(?:${allowed.join('|')})$)`, message };
}

function importRule(...patterns) {
  return { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] };
}

/** One block for a package's sources and further ones for the files that may import more. */
function importDirection({ folder, allowed, message, exceptions = [], nodeModules = [nodeImport] }) {
  const block = (files, also) => ({
    files: files.map((file) => `packages/${folder}/src/${file}`),
    rules: importRule(mayImportOnly([relativeImport, ...nodeModules, ...allowed, ...also], message)),
  });
  return [block(['**/*.ts'], []), ...exceptions.map(({ files, also }) => block(files, also))];
}

/** The blocks of ESLint's configuration that say which package may import which. */
export const importDirections = [
  {
    files: ['packages/core/src/**/*.ts'],
    rules: importRule(
      mayImportOnly(
        [relativeImport, nodeImport, '#hmac', 'valibot', '@noble/hashes/.*'],
        'core imports valibot, @noble/hashes and what Node itself offers, and no other package.',
      ),
      {
        regex: `^node:(?:${inputOutputModules.join('|')})(?:/.*)?$`,
        message: 'core does no input or output; that is the part of a transport.',
      },
    ),
  },
  ...importDirection({
    folder: 'transport-shm',
    allowed: ['@entropynet/core'],
    message: 'transport-shm imports core; valibot only in valibot.ts and node-gyp-build only in native-binding.ts.',
    exceptions: [
      { files: ['valibot.ts'], also: ['valibot'] },
      { files: ['native-binding.ts'], also: ['node-gyp-build'] },
    ],
  }),
  ...importDirection({
    folder: 'transport-ws',
    allowed: ['@entropynet/core', '@entropynet/core/platform', 'ws', '#ws'],
    message: 'transport-ws imports core and ws; protocol/ and browser/ import core alone, and valibot in valibot.ts.',
  }),
  {
    files: ['packages/transport-ws/src/{protocol,browser}/*.ts'],
    rules: importRule(
      mayImportOnly(
        [String.raw`\./.*`, String.raw`\.\./protocol/.*`, '@entropynet/core'],
        'what runs in a page imports core, and nothing of Node.js, of ws or of node/.',
      ),
    ),
  },
  {
    files: ['packages/transport-ws/src/protocol/valibot.ts'],
    rules: importRule(mayImportOnly(['valibot'], 'this module is the part of valibot that transport-ws uses.')),
  },
  ...importDirection({
    folder: 'transport-nats',
    nodeModules: [],
    allowed: ['@entropynet/core(?:/platform)?', '@nats-io/nats-core', '#nats-client'],
    message:
      'transport-nats runs in pages too: it imports core and @nats-io/nats-core, and nothing of Node.js; valibot only in ' +
      'valibot.ts and @nats-io/transport-node only in node-nats-client.ts.',
    exceptions: [
      { files: ['valibot.ts'], also: ['valibot'] },
      { files: ['node-nats-client.ts'], also: ['@nats-io/transport-node(?:/lib/node_transport\\.js)?'] },
    ],
  }),
  ...importDirection({
    folder: 'conformance',
    allowed: ['@entropynet/core(?:/platform)?', 'chai', 'fast-check'],
    message: 'conformance imports core, chai and fast-check; it knows no transport.',
  }),
  ...importDirection({
    folder: 'manager',
    allowed: ['@entropynet/core(?:/handle|/platform)?'],
    message:
      'manager imports core and never a transport; inversify.ts alone loads inversify, when a program needs it, and ' +
      'connection-manager.module.ts and create-networking.ts import its types.',
    exceptions: [
      { files: ['connection-manager.module.ts', 'create-networking.ts', 'inversify.ts'], also: ['inversify'] },
    ],
  }),
  ...importDirection({
    folder: 'streams',
    allowed: ['@entropynet/core(?:/platform)?'],
    message: 'streams imports core and no other package.',
  }),
  ...importDirection({
    folder: 'messaging',
    allowed: ['@entropynet/core(?:/platform)?', '@standard-schema/spec'],
    message: 'messaging imports core and the types of Standard Schema; msgpackr only in msgpack.ts.',
    exceptions: [{ files: ['msgpack.ts'], also: ['msgpackr'] }],
  }),
  ...importDirection({
    folder: 'prometheus',
    allowed: ['@entropynet/(core|manager)', 'prom-client'],
    message: 'prometheus imports core, the types of manager, and prom-client.',
  }),
  ...importDirection({
    folder: 'opentelemetry',
    allowed: ['@entropynet/(core|core/platform|manager|messaging)', '@opentelemetry/api'],
    message: 'opentelemetry imports core, types of manager and messaging, and the API of OpenTelemetry.',
  }),
  ...importDirection({
    folder: 'entropynet',
    allowed: ['@entropynet/.*'],
    message: 'entropynet re-exports the other packages and has no code of its own but what puts them together.',
  }),
  ...importDirection({
    folder: 'inspector',
    allowed: ['@entropynet/(core|core/platform|manager|messaging|transport-shm|transport-ws)', 'valibot'],
    message: 'inspector uses the other packages; cli alone uses it.',
  }),
  ...importDirection({
    folder: 'cli',
    allowed: [
      '@entropynet/(core|core/platform|inspector|manager|streams|streams/files|transport-nats|transport-shm|transport-ws)',
      'commander',
      'cli-progress',
    ],
    message: 'cli is a program: it uses the other packages, and none of them uses it.',
  }),
  {
    files: ['test/**/*.ts', 'benchmarks/src/**/*.ts', 'examples/*/src/**/*.ts'],
    ignores: ['test/support/**', 'test/faults/**', 'test/fuzz/**'],
    rules: importRule({
      regex: '^@entropynet/[^/]+/(?!(?:platform|testing|tools|msgpack|browser|http|files)$)',
      message:
        'Use the public entry points; only packages/*/test, test/support, test/faults and test/fuzz may look inside.',
    }),
  },
];
