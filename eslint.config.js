import js from '@eslint/js';
import mocha from 'eslint-plugin-mocha';
import tseslint from 'typescript-eslint';
import { importDirections } from './scripts/import-directions.mjs';

/** A longer file is harder to read in one sitting. */
const MAX_LINES = ['error', 300];

const houseRules = {
  'max-lines': MAX_LINES,
  'no-console': 'error',
  'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Export by name.' }],
  eqeqeq: 'error',
  '@typescript-eslint/consistent-type-imports': 'error',
  '@typescript-eslint/explicit-module-boundary-types': 'error',
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],

  // Strict rules that cost more than they find here: states change during callbacks, and hot loops index typed arrays.
  '@typescript-eslint/no-unnecessary-condition': 'off',
  '@typescript-eslint/no-non-null-assertion': 'off',
  '@typescript-eslint/no-extraneous-class': 'off',
  '@typescript-eslint/no-unnecessary-type-parameters': 'off',
  '@typescript-eslint/require-await': 'off',
};

/**
 * Test frameworks put fakes in the place of these, and preload scripts replace them for good; a connection's other end lives
 * by real time. So they are captured where a package is loaded, in the few files that are named below.
 */
const captured =
  "is captured at import: take it from @entropynet/core/platform, from the transport's own module, or from node:timers.";
const replaceableGlobals = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'performance',
].map((name) => ({ name, message: `${name} ${captured}` }));

/** A class of the language says nothing about values of another realm, such as Node.js's own errors in jest. */
const realmBoundClasses =
  '/^(?:Error|TypeError|RangeError|Promise|Uint8Array|ArrayBuffer|SharedArrayBuffer|Buffer|Map|Set|Date)$/';

const realmRule = {
  selector: `BinaryExpression[operator="instanceof"][right.name=${realmBoundClasses}]`,
  message: 'Ask a value for its `message`, `code` or `then`, and not for its class: it may be of another realm.',
};

const independenceOfTheRealm = [
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: [
      'packages/core/src/platform/clock.ts',
      'packages/transport-shm/src/platform-time.ts',
      'packages/transport-ws/src/browser/page-timers.ts',
    ],
    rules: {
      'no-restricted-globals': ['error', ...replaceableGlobals],
      'no-restricted-properties': ['error', { object: 'Date', property: 'now', message: `Date.now ${captured}` }],
    },
  },
  {
    files: [
      'packages/*/src/**/*.ts',
      'packages/inspector/page/*.ts',
      'examples/**/*.ts',
      'test/**/*.ts',
      'benchmarks/**/*.ts',
    ],
    // Beside the fast path for this realm's arrays stands the one for others.
    ignores: ['packages/core/src/channels/message-bytes.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...houseRules['no-restricted-syntax'].slice(1), realmRule],
    },
  },
];

const leftOutTests = {
  files: ['test/**/*.ts', '{packages/*,benchmarks}/test/*.ts'],
  ignores: ['test/support/leave-out.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      ...houseRules['no-restricted-syntax'].slice(1),
      realmRule,
      {
        selector: 'CallExpression[callee.property.name="skip"]',
        message: 'Use `leaveOut()` or `skippedTest()`: each says why.',
      },
    ],
  },
};

const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'Buffer',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'clearTimeout',
    'console',
    'process',
    'setTimeout',
  ].map((name) => [name, 'readonly']),
);

export default tseslint.config(
  { ignores: ['**/dist/', '**/build/', '**/prebuilds/', '**/coverage/', 'docs/api/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: houseRules,
  },
  ...importDirections,
  ...independenceOfTheRealm,
  leftOutTests,
  {
    files: ['test/**/*.ts', '{packages/*,benchmarks}/test/*.ts', 'packages/conformance/src/**/*.ts'],
    plugins: { mocha },
    rules: {
      'mocha/no-exclusive-tests': 'error',
      'mocha/no-pending-tests': 'error',
      'mocha/no-identical-title': 'error',
      // `expect(value).to.be.true` is an expression, and assertions take methods apart from their objects.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['test/support/**/*.ts', 'benchmarks/**/*.ts', 'examples/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: nodeGlobals },
    rules: { 'max-lines': MAX_LINES },
  },
);
