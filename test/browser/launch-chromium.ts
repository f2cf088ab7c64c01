import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** The paths of Chromium on Debian and Fedora, from Google's own package, and on macOS. */
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Nothing that reaches beyond this machine; `--no-sandbox` because containers run as root, which Chromium's refuses. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The size of a page on a desktop, in pixels. */
export const DESKTOP = { width: 1200, height: 900 };

/** Starts a browser of this machine. If there is none, throws an error that names the package to install. */
export async function launchChromium(): Promise<Browser> {
  const wanted = process.env['CHROMIUM_PATH'];
  if (wanted !== undefined && !existsSync(wanted))
    throw new Error(`CHROMIUM_PATH names '${wanted}', which is not there`);
  const executablePath = wanted ?? BROWSERS.find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error('no Chromium was found: install it (Debian: apt-get install chromium), or set CHROMIUM_PATH');
  }
  return await chromium.launch({ executablePath, args: FLAGS });
}
