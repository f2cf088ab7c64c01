import { type InspectorServer, serveInspector } from '@entropynet/inspector';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../browser/launch-chromium.js';
import { freshName } from '../support/fresh-name.js';
import { until } from '../support/until.js';

const PROGRAM = fileURLToPath(new URL('traffic-program.js', import.meta.url));
const DESKTOP = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };

describe('the page of the inspector, in Chromium, with traffic of several processes', function () {
  this.timeout(60_000);

  const directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  const programs: ChildProcess[] = [];
  const complaints: string[] = [];
  let browser: Browser;
  let inspector: InspectorServer;

  before(async () => {
    const endpoint = freshName();
    inspector = unwrap(await serveInspector({ directory, endpoint, intervalMs: 100 }));
    expect(inspector.obstacle).to.equal(undefined);
    const name = freshName();
    const start = async (role: string, webSocket = ''): Promise<unknown> => {
      const program = fork(PROGRAM, [role, name, endpoint, directory, webSocket]);
      programs.push(program);
      return ((await once(program, 'message')) as [unknown])[0];
    };
    const webSocket = String(await start('server'));
    for (const role of ['shared-memory', 'websocket', 'fallback']) await start(role, webSocket);
    browser = await launchChromium();
  });

  after(async () => {
    await browser?.close();
    await inspector?.close();
    for (const program of programs) {
      program.kill();
      await once(program, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
    expect(complaints, 'what the pages complained of').to.be.empty;
  });

  async function openPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: DESKTOP, ...options });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(inspector.address);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    await page.locator('#connections ~ ul > li').nth(5).waitFor();
    return page;
  }

  /** The card of a connection that one of the programs reports. */
  function cardOf(page: Page, program: string): ReturnType<Page['locator']> {
    return page.locator('details', { hasText: program });
  }

  it('shows each connection, its transport, why, and how fast it goes', async () => {
    const page = await openPage();
    for (const [program, backend] of [
      ['shared-memory-program', 'shared-memory'],
      ['websocket-program', 'websocket'],
      ['fallback-program', 'websocket'],
    ] as const) {
      const card = cardOf(page, program);
      expect(await card.locator('.badge').textContent()).to.equal(backend);
      await card.locator('.figure', { hasText: /↑ [\d.]+ [KM]iB\/s/ }).waitFor();
    }
    expect(await cardOf(page, 'server-program').count()).to.equal(3);
    const fallback = cardOf(page, 'fallback-program');
    await fallback.locator('summary').click();
    const why = fallback.locator('.facts > div', { hasText: 'why this transport' }).locator('dd');
    expect(await why.textContent()).to.match(/^not shared-memory: no server named 'nobody-is-here'/);
    await page.close();
  });

  it('plots how long a ping and its answer take, where the transport has pings', async () => {
    const page = await openPage();
    const card = cardOf(page, 'websocket-program');
    await card.locator('summary').click();
    await card.locator('.facts > div', { hasText: 'round trip of a ping' }).locator('dd', { hasText: /s$/ }).waitFor();
    await card.locator('.u-title', { hasText: 'round trip of a ping' }).waitFor();
    const other = cardOf(page, 'shared-memory-program');
    await other.locator('summary').click();
    await other.locator('canvas').nth(1).waitFor();
    expect(await other.locator('canvas').count()).to.equal(2);
    await page.close();
  });

  it('shows the rings between the processes from outside, none of its own among them', async () => {
    const page = await openPage();
    const rings = page.locator('#regions ~ ul > li');
    const own = programs.slice(0, 2).map(({ pid }) => pid);
    const ring = rings.filter({ hasText: `${own[0]} ⇄ ${own[1]}` });
    await ring
      .locator('.figure', { hasText: /[\d.]+ [KM]iB\/s/ })
      .first()
      .waitFor();
    expect(await rings.filter({ hasText: `${process.pid} ⇄` }).count()).to.equal(0);
    await page.close();
  });

  it('lists failures with their codes and sentences', async () => {
    const page = await openPage();
    const failures = page.locator('#failures ~ ul > li');
    await failures.filter({ hasText: 'TransportUnavailable' }).filter({ hasText: '127.0.0.1:9' }).waitFor();
    await failures.filter({ hasText: 'TransportUnavailable' }).filter({ hasText: 'fallback-program' }).waitFor();
    await page.close();
  });

  it('plots what is opened, by the keyboard alone, and goes on plotting', async () => {
    const page = await openPage();
    await page.keyboard.press('Tab');
    const focused = page.locator('summary:focus-visible');
    await focused.waitFor();
    await page.keyboard.press('Enter');
    const card = page.locator('details[open]');
    await card.locator('canvas').nth(1).waitFor();
    const paint = (): Promise<string> =>
      card
        .locator('canvas')
        .first()
        .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const before = await paint();
    await until(async () => (await paint()) !== before, 'the plot changed');
    await page.keyboard.press('Enter');
    await card.waitFor({ state: 'detached' });
    await page.close();
  });

  it('is light or dark as the reader has it, plots included, and follows a change', async () => {
    const page = await openPage({ colorScheme: 'light' });
    const ground = (): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(await ground()).to.equal('rgb(246, 247, 249)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).to.equal('rgb(20, 23, 28)');
    await page.close();
  });

  it('fits on a phone, with cards open', async () => {
    const page = await openPage({ viewport: PHONE });
    for (const summary of await page.locator('summary').all()) await summary.click();
    await page.locator('canvas').first().waitFor();
    const [content, window] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
    expect(content).to.equal(window);
    await page.close();
  });

  it('goes on after a reload, in this tab alone', async () => {
    const page = await openPage();
    await page.reload();
    await page.getByRole('status').filter({ hasText: /^live/ }).waitFor();
    expect(page.url()).to.not.contain('token');
    const context = await browser.newContext();
    const stranger = await context.newPage();
    await stranger.goto(page.url());
    await stranger.getByRole('status').filter({ hasText: 'open the whole address that was printed' }).waitFor();
    await context.close();
    await page.close();
  });

  it('keeps the token out of the address bar, and says when it is not live', async () => {
    const page = await openPage();
    expect(page.url()).to.not.contain('token');
    const other = unwrap(await serveInspector({ directory, endpoint: freshName(), intervalMs: 100 }));
    await page.goto(other.address);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    complaints.length = 0;
    await other.close();
    await page.getByRole('status').filter({ hasText: 'not live' }).waitFor();
    await page.close();
    // The browser itself says that it could not connect again.
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED')));
  });
});
