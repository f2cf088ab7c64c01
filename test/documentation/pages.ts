import MarkdownIt from 'markdown-it';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository; this file is `test/dist/documentation/pages.js`. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'build', 'coverage', 'prebuilds', 'api']);
/** A list of changes quotes earlier states. */
const SKIPPED_PAGES = new Set(['CHANGELOG.md']);

/** A fenced block of a page. */
export interface Block {
  /** Path of the page from the root. */
  readonly page: string;
  /** Line of the fence in the page, from 1 on. */
  readonly line: number;
  /** The word after the fence; empty if there is none. */
  readonly language: string;
  readonly code: string;
  /** HTML comments directly before the block: `not run: needs docker` is the entry `not run` with `needs docker`. */
  readonly markers: ReadonlyMap<string, string>;
}

/** A link of a page to something in the repository. */
export interface Link {
  readonly line: number;
  readonly path: string;
  /** The part after `#`; empty if there is none. */
  readonly fragment: string;
}

/** The parts of a page of the documentation. */
export interface Page {
  /** Path from the root. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** The fragments of its headings. */
  readonly fragments: ReadonlySet<string>;
  /** The text of its headings of the third level. */
  readonly thirdHeadings: readonly string[];
}

const markdown = new MarkdownIt({ html: true });

/** Every page of the repository, in the order of the paths. */
export function readPages(): Page[] {
  return pathsBelow(ROOT)
    .filter((path) => path.endsWith('.md') && !SKIPPED_PAGES.has(path))
    .sort()
    .map(readPage);
}

function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) || entry.name === '.git' ? [] : pathsBelow(path);
    return [relative(ROOT, path).split(sep).join('/')];
  });
}

function readPage(path: string): Page {
  const tokens = markdown.parse(readFileSync(join(ROOT, path), 'utf8'), {});
  const blocks: Block[] = [];
  const links: Link[] = [];
  const fragments = new Set<string>();
  const thirdHeadings: string[] = [];
  let markers = new Map<string, string>();
  tokens.forEach((token, index) => {
    const line = (token.map?.[0] ?? 0) + 1;
    if (token.type === 'html_block') {
      for (const [, text = ''] of token.content.matchAll(/<!--\s*(.*?)\s*-->/gs)) {
        const [, name = '', value = ''] = /^([^:]+)(?::\s*(.*))?$/s.exec(text) ?? [];
        markers.set(name, value);
      }
      return;
    }
    if (token.type === 'fence') {
      blocks.push({ page: path, line, language: token.info.trim(), code: token.content, markers });
    } else if (token.type === 'heading_open') {
      const { content = '' } = tokens[index + 1] ?? {};
      fragments.add(fragmentOf(content));
      if (token.tag === 'h3') thirdHeadings.push(content);
    } else if (token.type === 'inline') {
      for (const child of token.children ?? []) {
        const href = child.type === 'link_open' ? child.attrGet('href') : null;
        if (href !== null && !/^[a-z]+:/i.test(href)) links.push(linkOf(path, line, href));
      }
    }
    markers = new Map();
  });
  return { path, blocks, links, fragments, thirdHeadings };
}

function linkOf(page: string, line: number, href: string): Link {
  const [target = '', fragment = ''] = decodeURI(href).split('#');
  return { line, path: target === '' ? page : join(dirname(page), target).split(sep).join('/'), fragment };
}

/** The fragment that code hosts derive from a heading. */
function fragmentOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(' ', '-');
}
