import { runInProcess } from '@entropynet/test/support/command-in-process';
import { freshName } from '@entropynet/test/support/fresh-name';
import { expect } from 'chai';

describe('a signal before a command has begun', () => {
  for (const [signal, code] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ends a server, too: ${signal}`, async () => {
      const ending = runInProcess(['listen', `ws://127.0.0.1:0/${freshName()}`]);
      process.emit(signal);
      expect(await ending).to.include({ code, output: '' });
    });
  }
});
