import { type InspectorServer, serveInspector } from '@entropynet/inspector';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Locator, Page } from 'playwright-core';
import { DESKTOP, launchChromium } from '../launch-chromium.js';
import { freshName } from '../../support/fresh-name.js';

const PROGRAM = fileURLToPath(new URL('many-program.js', import.meta.url));

describe('the page of the inspector, in Chromium, with 1,000 connections', function () {
  this.timeout(300_000);

  const directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  const COUNT = 1000;
  let browser: Browser;
  let inspector: InspectorServer;
  let program: ChildProcess;
  let page: Page;

  before(async () => {
    const endpoint = freshName();
    inspector = unwrap(await serveInspector({ directory, endpoint }));
    program = fork(PROGRAM, [JSON.stringify({ endpoint, sharedMemory: { directory } }), String(COUNT)]);
    await once(program, 'message');
    browser = await launchChromium();
    page = await browser.newPage({ viewport: DESKTOP });
    page.setDefaultTimeout(120_000);
    await page.goto(inspector.address);
    await count.filter({ hasText: `${2 * COUNT} ends` }).waitFor();
  });

  after(async () => {
    await browser?.close();
    await inspector?.close();
    program.kill();
    await once(program, 'exit');
    rmSync(directory, { recursive: true, force: true });
  });

  const count = {
    filter: (options: { hasText: string }): Locator =>
      page.getByRole('search', { name: 'ends' }).locator('.count').filter(options),
  };
  const rows = (): Locator => page.locator('#connections-table > tbody > tr.row');

  it('shows one page of rows, and all pages in turn', async () => {
    expect(await rows().count()).to.equal(50);
    const pages = page.getByRole('navigation', { name: 'Pages' }).first();
    await pages.getByRole('button', { name: 'Last' }).click();
    await pages.getByText('1951–2000 of 2000').waitFor();
    expect(await rows().count()).to.equal(50);
    await pages.getByRole('button', { name: 'First' }).click();
    await pages.getByText('1–50 of 2000').waitFor();
  });

  it('searches, filters, sorts and groups by server', async () => {
    const tools = page.getByRole('search', { name: 'ends' });
    await tools.getByLabel('Show').selectOption({ label: 'clients' });
    await count.filter({ hasText: `${COUNT} of ${2 * COUNT} ends` }).waitFor();
    await page.getByRole('columnheader', { name: '↑ bytes/s' }).first().getByRole('button').click();
    const fastest = rows().first().locator('[data-label="↑ bytes/s"]');
    await fastest.filter({ hasText: /KiB\/s/ }).waitFor();
    await tools.getByLabel('Show').selectOption({ label: 'all' });
    await tools.getByLabel('Group by').selectOption('server');
    const group = page.locator('#connections-table tr.group');
    await group.filter({ hasText: `${2 * COUNT} ends` }).waitFor();
    expect(await group.count()).to.equal(1);
    await group.locator('.toggle').click();
    await rows().nth(48).waitFor();
    await tools.getByLabel('Group by').selectOption('');
  });

  it('finds the other end on any page', async () => {
    const client = rows()
      .filter({ has: page.locator('[data-label=role]', { hasText: 'client' }) })
      .first();
    await client.locator('.link').click();
    const revealed = page.locator('tr.revealed');
    expect(await revealed.locator('[data-label=role]').textContent()).to.contain('server');
  });

  it('remembers connections that have ended', async () => {
    program.send('end one');
    const ended = page.locator('#ended-table > tbody > tr.row');
    await ended.filter({ hasText: 'goodbye' }).nth(1).waitFor();
    expect(await ended.count()).to.equal(2);
  });
});
