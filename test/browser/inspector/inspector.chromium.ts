import { until } from '@entropynet/conformance/tools';
import { type InspectorState, serveInspector } from '@entropynet/inspector';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { freshName } from '../../support/fresh-name.js';
import { detailsOf, InspectedTraffic, rowOf, rowsOf } from './inspected-traffic.js';

const PHONE = { width: 390, height: 844 };

/** The part of a page's document that this test uses: its project has no types of a browser. */
interface PageDocument {
  querySelectorAll(selector: string): Iterable<{
    readonly childNodes: Iterable<{ readonly nodeName: string; data: string }>;
    getBoundingClientRect(): Readonly<Record<'x' | 'y' | 'width' | 'height', number>>;
  }>;
}

describe('the page of the inspector, in Chromium, with traffic of several processes', function () {
  this.timeout(60_000);

  const traffic = new InspectedTraffic();

  before(() => traffic.start());

  after(() => traffic.stop());

  it('shows each connection, its transport and the reason, its rates, and its peer', async () => {
    const page = await traffic.openPage();
    for (const [program, backend] of [
      ['shared-memory-program', 'shared-memory'],
      ['websocket-program', 'websocket'],
      ['fallback-program', 'websocket'],
    ] as const) {
      const row = rowOf(page, program);
      expect(await row.locator('.badge').textContent()).to.equal(backend);
      await row.locator('[data-label="↑ bytes/s"]', { hasText: /[\d.]+ [KM]iB\/s/ }).waitFor();
      await row.locator('[data-label="↑ msg/s"]', { hasText: /[1-9]/ }).waitFor();
      await row.locator('[data-label=peer]', { hasText: 'server-program' }).waitFor();
    }
    expect(await rowOf(page, 'server-program').count()).to.equal(3);
    await rowOf(page, 'fallback-program').locator('.toggle').click();
    const why = detailsOf(page).locator('.facts > div', { hasText: 'why this transport' }).locator('dd');
    expect(await why.textContent()).to.match(/^not shared-memory: no server named 'nobody-is-here'/);
    await page.close();
  });

  it('leads from one end of a connection to the other', async () => {
    const page = await traffic.openPage();
    const client = rowOf(page, 'shared-memory-program');
    await client.locator('.link', { hasText: 'server-program' }).click();
    const revealed = page.locator('tr.revealed');
    expect(await revealed.locator('[data-label=process]').textContent()).to.contain('server-program');
    expect(await revealed.locator('[data-label=role]').textContent()).to.contain('server');
    await revealed.locator('.link', { hasText: 'shared-memory-program' }).waitFor();
    await page.close();
  });

  it("shows the channels of a connection, their waiting bytes, and the other end's counters", async () => {
    const page = await traffic.openPage();
    await rowOf(page, 'websocket-program').locator('.toggle').click();
    const bulk = detailsOf(page).locator('.channels tr', { hasText: 'bulk' });
    const cell = (label: string): Locator => bulk.locator(`[data-label="${label}"]`);
    expect(await cell('sent').textContent()).to.match(/^20 messages, /);
    expect(await cell('received').textContent()).to.equal('0 messages, 0 B');
    expect(await cell('window left').textContent()).to.match(/ KiB$/);
    expect(await cell('not read').textContent()).to.equal('0 frames');
    await detailsOf(page).locator('.channels tr', { hasText: 'the default channel' }).waitFor();
    // The other end has received everything, and its program has read nothing.
    await rowOf(page, 'websocket-program').locator('.link').click();
    const far = page.locator('tr.revealed + tr.details .channels tr', { hasText: 'bulk' });
    await far.locator('[data-label="not read"]', { hasText: '20 frames' }).waitFor();
    expect(await far.locator('[data-label=received]').textContent()).to.match(/^20 messages, /);
    await page.close();
  });

  it('keeps each row in its place while the numbers change', async () => {
    const page = await traffic.openPage();
    await rowOf(page, 'websocket-program').locator('.toggle').click();
    await page.getByRole('button', { name: 'Pause' }).click();
    /** The place of each row whose columns have these texts. */
    const places = (texts: Readonly<Record<string, string>>): Promise<unknown> =>
      page.evaluate((given) => {
        const { document } = globalThis as unknown as { document: PageDocument };
        for (const [label, text] of Object.entries(given))
          for (const { childNodes } of document.querySelectorAll(`.row > [data-label="${label}"]`))
            for (const node of childNodes) if (node.nodeName === '#text' && node.data.trim() !== '') node.data = text;
        return [...document.querySelectorAll('.row, .row .link')].map((each) => {
          const { x, y, width, height } = each.getBoundingClientRect();
          return [x, y, width, height];
        });
      }, texts);
    const short = { '↑ bytes/s': '0 B/s', '↓ bytes/s': '0 B/s', '↑ msg/s': '0', '↓ msg/s': '0', 'under way': '–' };
    const long = {
      ...{ '↑ bytes/s': '1023.9 KiB/s', '↓ bytes/s': '1023.9 MiB/s', '↑ msg/s': '99.9 k', '↓ msg/s': '9999 k' },
      'under way': '999 ms',
    };
    expect(await places(long)).to.deep.equal(await places(short));
    await page.close();
  });

  it('shows the same totals in its tiles and its tables', async () => {
    const page = await traffic.openPage();
    for (const [tile, table] of [
      ['ends of connections', 'connections'],
      ['regions of shared memory', 'regions'],
      ['agents', 'processes'],
      ['failures', 'failures'],
    ] as const) {
      const value = await page.locator('.tile', { hasText: tile }).first().locator('.value').textContent();
      expect(await rowsOf(page, table).count(), tile).to.equal(Number(value));
    }
    await page.close();
  });

  it('plots round-trip times if the transport has pings', async () => {
    const page = await traffic.openPage();
    await rowOf(page, 'websocket-program').locator('.toggle').click();
    const details = detailsOf(page);
    await details
      .locator('.facts > div', { hasText: 'round trip of a ping' })
      .locator('dd', { hasText: /s$/ })
      .waitFor();
    await details.locator('.u-title', { hasText: 'round trip of a ping' }).waitFor();
    await rowOf(page, 'websocket-program').locator('.toggle').click();
    await rowOf(page, 'shared-memory-program').locator('.toggle').click();
    await details.locator('.u-title', { hasText: 'time under way' }).waitFor();
    expect(await details.locator('.u-title', { hasText: 'round trip' }).count()).to.equal(0);
    await page.close();
  });

  it('shows a text in every legend', async () => {
    const page = await traffic.openPage();
    await rowOf(page, 'shared-memory-program').locator('.toggle').click();
    const values = detailsOf(page).locator('.u-legend .u-value');
    await values.nth(8).waitFor();
    await until(
      async () => (await values.allTextContents()).every((text) => /\d/.test(text)),
      'the legends have values',
    );
    await page.close();
  });

  it('shows the rings between the processes from outside, without its own', async () => {
    const page = await traffic.openPage();
    const ring = rowsOf(page, 'regions').filter({ hasText: String(traffic.programs[1]?.pid) });
    await ring.locator('[data-label="to server"]', { hasText: /[\d.]+ [KM]iB\/s/ }).waitFor();
    expect(await ring.textContent()).to.contain(`server-program (${traffic.programs[0]?.pid})`);
    expect(
      await rowsOf(page, 'regions')
        .filter({ hasText: `(${process.pid})` })
        .count(),
    ).to.equal(0);
    await page.close();
  });

  it('lists failures with their codes and sentences', async () => {
    const page = await traffic.openPage();
    const failures = rowsOf(page, 'failures');
    await failures.filter({ hasText: 'TransportUnavailable' }).filter({ hasText: '127.0.0.1:9' }).waitFor();
    await failures.filter({ hasText: 'nobody-is-here' }).filter({ hasText: 'fallback-program' }).waitFor();
    await page.close();
  });

  it('plots an opened connection, with the keyboard alone, and keeps plotting', async () => {
    const page = await traffic.openPage();
    await rowsOf(page).first().locator('.toggle').focus();
    await page.keyboard.press('Enter');
    const details = detailsOf(page);
    await details.locator('canvas').nth(1).waitFor();
    const paint = (): Promise<string> =>
      details
        .locator('canvas')
        .first()
        .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const before = await paint();
    await until(async () => (await paint()) !== before, 'the plot changed');
    await page.keyboard.press('Enter');
    await details.waitFor({ state: 'detached' });
    await page.close();
  });

  it('exports the shown data', async () => {
    const page = await traffic.openPage();
    await page.getByLabel('Search ends').fill('websocket-program client');
    await until(async () => (await rowsOf(page).count()) === 1, 'one row is left');
    const [csv] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('search', { name: 'ends' }).getByRole('button', { name: 'CSV' }).click(),
    ]);
    const lines = readFileSync(await csv.path(), 'utf8')
      .trimEnd()
      .split('\r\n');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^endpoint,transport,process,role,peer,/);
    expect(lines[1]).to.match(/^ws:\/\/127\.0\.0\.1:\d+\/engine,websocket,websocket-program \(\d+\),client,/);
    const [json] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'JSON' }).click(),
    ]);
    const state = JSON.parse(readFileSync(await json.path(), 'utf8')) as InspectorState;
    expect(state.processes).to.have.length(4);
    await page.close();
  });

  it("follows the reader's light or dark theme, plots included", async () => {
    const page = await traffic.openPage({ colorScheme: 'light' });
    const ground = (): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(await ground()).to.equal('rgb(246, 247, 249)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).to.equal('rgb(20, 23, 28)');
    await page.close();
  });

  it('fits on a phone, with details open', async () => {
    const page = await traffic.openPage({ viewport: PHONE });
    for (const toggle of await page.locator('#connections-table .toggle').all()) await toggle.click();
    await page.locator('canvas').first().waitFor();
    await page.locator('.channels').first().waitFor();
    const [content, window] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
    expect(content).to.equal(window);
    await page.close();
  });

  it('continues after a reload, only in this tab', async () => {
    const page = await traffic.openPage();
    await page.reload();
    await page.getByRole('status').filter({ hasText: /^live/ }).waitFor();
    expect(page.url()).to.not.contain('token');
    const context = await traffic.browser.newContext();
    const stranger = await context.newPage();
    await stranger.goto(page.url());
    await stranger.getByRole('status').filter({ hasText: 'open the whole address that was printed' }).waitFor();
    await context.close();
    await page.close();
  });

  it('keeps the token out of the address bar, and shows when it is not live', async () => {
    const page = await traffic.openPage();
    expect(page.url()).to.not.contain('token');
    const other = unwrap(
      await serveInspector({ directory: traffic.directory, endpoint: freshName(), intervalMs: 100 }),
    );
    await page.goto(other.address);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    traffic.complaints.length = 0;
    await other.close();
    await page.getByRole('status').filter({ hasText: 'not live' }).waitFor();
    await page.close();
    // The browser itself logs that it could not connect again.
    traffic.complaints.splice(
      0,
      traffic.complaints.length,
      ...traffic.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED')),
    );
  });
});
