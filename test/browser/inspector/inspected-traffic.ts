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

const PROGRAM = fileURLToPath(new URL('traffic-program.js', import.meta.url));

/** Chromium, an inspector, and the processes whose traffic its page shows. */
export class InspectedTraffic {
  readonly directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  /** The warnings and errors of the pages. */
  readonly complaints: string[] = [];
  /** The server and its clients, in the order of their start. */
  readonly programs: ChildProcess[] = [];
  #browser: Browser | undefined;
  #inspector: InspectorServer | undefined;

  get browser(): Browser {
    return this.#browser!;
  }

  async start(): Promise<void> {
    const endpoint = freshName();
    this.#inspector = unwrap(await serveInspector({ directory: this.directory, endpoint, intervalMs: 100 }));
    expect(this.#inspector.obstacle).to.equal(undefined);
    const name = freshName();
    const start = async (role: string, webSocket = ''): Promise<unknown> => {
      const program = fork(PROGRAM, [role, name, endpoint, this.directory, webSocket]);
      this.programs.push(program);
      return ((await once(program, 'message')) as [unknown])[0];
    };
    const webSocket = String(await start('server'));
    for (const role of ['shared-memory', 'websocket', 'fallback']) await start(role, webSocket);
    this.#browser = await launchChromium();
  }

  /** Ends everything that has started, even if the start failed. */
  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#inspector?.close();
    for (const program of this.programs) {
      program.kill();
      await once(program, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
    expect(this.complaints, 'what the pages complained of').to.be.empty;
  }

  /** Opens the page of the inspector, and waits until it shows the connections. */
  async openPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const page = await this.browser.newPage({ viewport: DESKTOP, ...options });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    await page.goto(this.#inspector!.address);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    await rowsOf(page).nth(5).waitFor();
    return page;
  }
}

/** The rows of a table of the page. */
export function rowsOf(page: Page, table = 'connections'): Locator {
  return page.locator(`#${table}-table > tbody > tr.row`);
}

/** The row of a connection that one of the programs reports. */
export function rowOf(page: Page, program: string): Locator {
  return rowsOf(page).filter({ has: page.locator('[data-label=process]', { hasText: program }) });
}

/** The rows with the details of opened connections. */
export function detailsOf(page: Page): Locator {
  return page.locator('tr.details');
}
