import 'mocha/mocha.js';
import { describeTransport } from '@entropynet/conformance';
import { pageFixture } from './fixture.js';

declare global {
  /** Of the program that opened the page: prints a line. */
  function printLine(line: string): Promise<void>;
  /** Of the same: the tests are over. */
  function finish(failures: number): Promise<void>;
}

const FORMAT = /%[sd%]/g;

/** As `console.log` formats, as far as the reporter goes. */
function print(format: unknown = '', ...values: unknown[]): void {
  const line = String(format).replace(FORMAT, (what) => (what === '%%' ? '%' : String(values.shift())));
  void printLine([line, ...values.map(String)].join(' '));
}

Mocha.reporters.Base.consoleLog = print;
Mocha.reporters.Base.useColors = false;
mocha.setup({ ui: 'bdd', reporter: 'spec', timeout: 20_000, forbidOnly: true, checkLeaks: true });
await describeTransport('the client in a page', pageFixture);
mocha.run((failures) => {
  void finish(failures);
});
