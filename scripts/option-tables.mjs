// Writes the tables of options in docs/configuration.md: names, defaults and what is allowed come from the schemas, the
// meaning from the doc comment of each option's type. With --check it writes nothing and fails where a table is out of date.
// Usage: node --conditions=entropynet-internal scripts/option-tables.mjs [--check]

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import ts from 'typescript';
import { publishedFolders, readManifest, rootFolder } from './workspace.mjs';

const PAGE = join(rootFolder, 'docs', 'configuration.md');
const BEGIN = '<!-- options:begin -->';
const END = '<!-- options:end -->';

const KIB = 1024;
const UNITS = [
  ['GiB', KIB ** 3],
  ['MiB', KIB ** 2],
  ['KiB', KIB],
];
const MAX_TIMER = 2 ** 31 - 1;

/** Transports that are installed beside `entropynet` have sections, too. */
const TRANSPORTS = publishedFolders()
  .map((folder) => readManifest(folder).name)
  .filter((name) => name.includes('/transport-'));

/** The type `ConnectionConfig` with what the transports merge into it, as a program that uses them sees it. */
function configurationType() {
  const file = join(rootFolder, 'scripts', 'configuration-type.ts');
  const imports = TRANSPORTS.map((name) => `import type {} from '${name}';`).join(' ');
  const source = `${imports} import type { ConnectionConfig } from 'entropynet'; export declare const configuration: ConnectionConfig;`;
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2023) : getSourceFile.call(host, name, ...rest);
  const program = ts.createProgram([file], options, host);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  const [variable] = checker.getExportsOfModule(module);
  return { checker, type: checker.getTypeOfSymbol(variable) };
}

/** The schemas of the common options and of each transport's section, by key. */
async function configurationEntries() {
  const { commonSchema } = await import('@entropynet/core/internal/config/common-options');
  const { knownSections } = await import('@entropynet/core');
  await import('entropynet');
  for (const name of TRANSPORTS) await import(name);
  const sections = [...knownSections([])].map(([key, { optionsSchema }]) => [key, optionsSchema]);
  return { ...commonSchema.entries, ...Object.fromEntries(sections) };
}

/** What a schema of valibot is about: without the wrappers for a default, and without the steps that follow in a pipe. */
function coreOf(schema) {
  if (schema.wrapped !== undefined) return coreOf(schema.wrapped);
  // Which schema holds for an object; the table of the object says the rest.
  if (schema.getter !== undefined) return coreOf(schema.getter({}));
  return schema.pipe === undefined ? schema : schema.pipe[0];
}

function rangeOf(schema) {
  const { pipe = [], wrapped } = schema;
  const range = pipe.find(({ type }) => type === 'metadata');
  return range?.metadata ?? (wrapped === undefined ? undefined : rangeOf(wrapped));
}

function numberText(value, unit) {
  if (value === MAX_TIMER) return '2^31 - 1';
  const larger = unit === 'bytes' && UNITS.find(([, size]) => value >= size && value % size === 0);
  return larger ? `${value / larger[1]} ${larger[0]}` : String(value);
}

/** The sentence of the error is the only place that says what is allowed; a range is written shorter here. */
function allowedText(schema) {
  const core = coreOf(schema);
  if (core.entries !== undefined)
    return schema.default === false ? '`false`, or an object, see below' : 'an object, see below';
  const range = rangeOf(schema);
  if (range !== undefined) {
    const { least, most, unit } = range;
    const kind = core.type === 'number' && /whole number/.test(core.message) ? '' : 'a number, ';
    const from = numberText(least, unit);
    return kind + (most === undefined ? `${from} or more` : `${from} to ${numberText(most, unit)}`);
  }
  if (core.options?.every((option) => typeof option === 'string'))
    return core.options.map((option) => `\`${option}\``).join(', ');
  if (core.type === 'boolean') return '`true`, `false`';
  return core.message.replace(/ is allowed$/, '');
}

function defaultText(schema) {
  if (schema.type !== 'optional') return schema.entries === undefined ? 'required' : '`{}`';
  const { default: value } = schema;
  if (value === undefined) return 'none';
  if (typeof value === 'number') return numberText(value, rangeOf(schema)?.unit);
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** An option's type without undefined, and without a word that stands for no object. */
function objectPartOf(type) {
  const parts = type.isUnion() ? type.types : [type];
  return parts.find(({ flags }) => (flags & ts.TypeFlags.Object) !== 0);
}

/** One table for these entries, then one for each section below them. */
function tablesOf(entries, type, checker, path) {
  const rows = [];
  const below = [];
  for (const [key, schema] of Object.entries(entries)) {
    const symbol = checker.getPropertyOfType(type, key);
    if (symbol === undefined) throw new Error(`the configuration's type has no '${[...path, key].join('.')}'`);
    const meaning = ts.displayPartsToString(symbol.getDocumentationComment(checker)).replaceAll(/\s+/g, ' ').trim();
    if (meaning === '') throw new Error(`'${[...path, key].join('.')}' has no doc comment`);
    const inner = coreOf(schema).entries;
    const cells = [`\`${key}\``, meaning, defaultText(schema), allowedText(schema)];
    rows.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
    if (inner !== undefined) {
      const innerType = objectPartOf(checker.getTypeOfSymbol(symbol));
      below.push(...tablesOf(inner, innerType, checker, [...path, key]));
    }
  }
  const title = path.length === 0 ? 'Options of every transport' : `\`${path.join('.')}\``;
  return [
    `## ${title}`,
    ['| key | meaning | default | allowed |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...below,
  ];
}

/** The page with the tables of now. */
async function renewed(page) {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE} has no ${BEGIN} or no ${END}`);
  const { checker, type } = configurationType();
  const tables = tablesOf(await configurationEntries(), type, checker, []);
  const text = [before + BEGIN, ...tables, END + after].join('\n\n');
  return prettier.format(text, { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE });
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const page = readFileSync(PAGE, 'utf8');
const wanted = await renewed(page);
if (!values.check) writeFileSync(PAGE, wanted);
else if (page !== wanted) {
  process.stderr.write('The tables of docs/configuration.md are out of date: run "npm run docs:options".\n');
  process.exitCode = 1;
}
