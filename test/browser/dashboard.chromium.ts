import { expect } from 'chai';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from './launch-chromium.js';

const RUNNER = fileURLToPath(new URL('../../../scripts/example.mjs', import.meta.url));

describe('the example browser-dashboard, in Chromium', function () {
  this.timeout(60_000);

  const complaints: string[] = [];
  let program: ChildProcess;
  let browser: Browser;
  let page: Page;

  before(async () => {
    program = spawn(process.execPath, [RUNNER, 'browser-dashboard'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(program.stdout!, 'data')) as [Buffer];
    browser = await launchChromium();
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(line.toString().trim());
  });

  after(async () => {
    await browser?.close();
    program.kill();
    await once(program, 'exit');
    expect(complaints).to.be.empty;
  });

  async function frame(): Promise<number> {
    await page.locator('#number').filter({ hasText: /\d/ }).waitFor();
    return Number(await page.locator('#number').textContent());
  }

  it('shows frames as they come', async () => {
    const first = await frame();
    await page.waitForFunction(`Number(document.querySelector('#number').textContent) > ${first + 30}`);
    expect(await page.locator('#plot canvas').count()).to.equal(1);
  });

  it('changes and pauses the engine, and shows its answer', async () => {
    await page.locator('#particles').fill('1000');
    await page.locator('#particles').press('Enter');
    await page.locator('#reply').filter({ hasText: '1000 particles' }).waitFor();
    await page.locator('#pause').click();
    await page.locator('#pause').filter({ hasText: 'Go on' }).waitFor();
    await page.locator('#pause').click();
    await page.locator('#pause').filter({ hasText: 'Pause' }).waitFor();
    const paused = await frame();
    await page.waitForFunction(`Number(document.querySelector('#number').textContent) > ${paused}`);
  });

  it("shows the engine's refusals", async () => {
    await page.evaluate("document.querySelector('#particles').removeAttribute('max')");
    await page.locator('#particles').fill('1000000');
    await page.locator('#particles').press('Enter');
    await page.locator('#reply').filter({ hasText: 'the peer did not reply' }).waitFor();
  });

  it('shows a value in every legend', async () => {
    expect(await page.locator('#plot .u-legend').count()).to.equal(0);
    expect(await page.locator('#plot canvas').count()).to.equal(1);
  });

  it('draws a grid that can be seen in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await page.locator('#plot canvas').count()).to.equal(1);
    const color =
      "(() => { const i = document.createElement('i'); i.style.color = 'var(--grid)'; document.body.append(i);";
    expect(await page.evaluate<string>(`${color} return getComputedStyle(i).color; })()`)).to.equal('rgb(69, 77, 90)');
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('prints its help, and names an unknown option', () => {
    const run = (option: string): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [RUNNER, 'browser-dashboard', option], { encoding: 'utf8' });
    const help = run('--help');
    expect(help.status).to.equal(0);
    expect(help.stdout).to.contain('--port NUMBER');
    const wrong = run('--wrong');
    expect(wrong.status).to.equal(2);
    expect(wrong.stderr).to.contain("'--wrong'");
  });

  it('names the allowed ports', () => {
    const { status, stderr } = spawnSync(process.execPath, [RUNNER, 'browser-dashboard', '--port', 'x'], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).to.deep.equal({ status: 2, stderr: '--port was given "x"; 0 to 65535 is allowed\n' });
  });
});
