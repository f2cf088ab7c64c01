import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { missingForNative } from '../native-peer/support/native-library.js';
import { leaveOut } from '../support/leave-out.js';
import { launchChromium } from './launch-chromium.js';

const RUNNER = fileURLToPath(new URL('../../../scripts/example.mjs', import.meta.url));

describe('the page of the example native-engine, in Chromium', function () {
  // The first run builds the engine.
  this.timeout(300_000);

  const complaints: string[] = [];
  let program: ChildProcess;
  let browser: Browser;
  let page: Page;

  before(async function () {
    const missing = missingForNative();
    if (missing !== undefined) leaveOut(this, `what needs ${missing}`);
    const words = ['native-engine', '--objects', '200', '--port', '0'];
    program = spawn(process.execPath, [RUNNER, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(program.stdout!, 'data')) as [Buffer];
    browser = await launchChromium();
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(line.toString().trim());
  });

  after(async () => {
    await browser?.close();
    if (program === undefined) return;
    program.kill();
    const [code] = (await once(program, 'exit')) as [number | null];
    expect({ code, complaints }).to.deep.equal({ code: 0, complaints: [] });
  });

  it('shows the objects of the engine, frame by frame', async () => {
    await page.locator('#number').filter({ hasText: /\d/ }).waitFor();
    const first = Number(await page.locator('#number').textContent());
    await page.waitForFunction(`Number(document.querySelector('#number').textContent) > ${first + 30}`);
    expect(await page.locator('#objects').textContent()).to.equal('200');
    const drawn = await page.evaluate<number>(
      "(() => { const c = document.querySelector('#scene'); const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height); return data.filter((value, at) => at % 4 === 3 && value > 0).length; })()",
    );
    expect(drawn).to.be.greaterThan(500);
  });

  it('changes an object, and shows that the engine has confirmed it', async () => {
    await page.locator('#object').fill('7');
    await page.locator('#opacity').fill('0.25');
    await page.locator('#change button').click();
    await page
      .locator('#reply')
      .filter({ hasText: /^confirmed after \d+ frames?$/ })
      .waitFor();
  });

  it('shows the reason if the editor refuses a change', async () => {
    await page.evaluate("document.querySelector('#change').noValidate = true");
    await page.locator('#object').fill('999');
    await page.locator('#change button').click();
    await page.locator('#reply').filter({ hasText: 'the peer did not reply' }).waitFor();
  });
});
