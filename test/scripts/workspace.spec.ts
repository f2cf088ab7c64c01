import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../../..');

/** `scripts/workspace.mjs`. */
interface Workspace {
  workspaceFolders(): readonly string[];
  publishedFolders(): readonly string[];
  compiledProjects(): readonly { readonly folder: string }[];
}

const workspace = (await import(pathToFileURL(join(ROOT, 'scripts', 'workspace.mjs')).href)) as Workspace;

function read(...path: readonly string[]): string {
  return readFileSync(join(ROOT, ...path), 'utf8');
}

/** The projects that a `tsconfig.json` refers to, from the root. */
function referencesOf(folder: string): string[] {
  const { references = [] } = JSON.parse(read(folder, 'tsconfig.json')) as {
    readonly references?: readonly { readonly path: string }[];
  };
  return references.map(({ path }) => relative(ROOT, join(ROOT, folder, path)));
}

describe('the list of packages', () => {
  it('equals the list of the compiler, so that "tsc -b" builds everything', () => {
    expect(referencesOf('.')).to.have.members(workspace.compiledProjects().map(({ folder }) => folder));
  });

  it("equals the tests' list, which use every published library", () => {
    expect(referencesOf('test')).to.include.members(workspace.publishedFolders());
  });

  it('has a rule for the imports of each package', () => {
    const rules = read('scripts/import-directions.mjs');
    for (const folder of workspace.publishedFolders().filter((each) => each.startsWith('packages/')))
      expect(rules).to.match(new RegExp(`folder: '${folder.slice('packages/'.length)}'|'${folder}/src/`), folder);
  });

  it('equals the list of the API reference', () => {
    const { entryPoints } = JSON.parse(read('typedoc.json')) as { readonly entryPoints: readonly string[] };
    expect(entryPoints).to.deep.equal(['packages/*']);
  });
});
