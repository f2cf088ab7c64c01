import { scoped } from '@entropynet/conformance/tools';
import { NetworkError, OK } from '@entropynet/core';
import { type FileConnection, TRANSFER_TIMES, Words } from '@entropynet/streams/internal/files/words';
import { expect } from 'chai';

/** A connection whose peer says these words, and then nothing until the reader leaves. */
function connectionThatHears(...said: readonly object[]): FileConnection {
  let leave: () => void = () => undefined;
  const end = { done: true, value: undefined } as const;
  const silence = new Promise<typeof end>((resolve) => {
    leave = () => {
      resolve(end);
    };
  });
  const waiting = said.map((word) => Buffer.from(JSON.stringify(word)));
  const messages: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => messages,
    next: () => {
      const value = waiting.shift();
      return value === undefined ? silence : Promise.resolve({ done: false, value });
    },
    return: () => {
      leave();
      return silence;
    },
  };
  return {
    closeChannel: () => Promise.resolve(OK),
    isConnected: () => true,
    messages: () => messages,
    openChannel: () => Promise.resolve(OK),
    sendOnChannel: () => Promise.resolve(OK),
  };
}

describe('the words of a transfer', () => {
  it(
    'name a callback that throws when the other side reports its progress',
    scoped(async (scope) => {
      const connection = connectionThatHears({ checked: 1, of: 2 });
      const words = new Words(connection, 'control', new AbortController().signal, TRANSFER_TIMES);
      scope.defer(() => words.close());
      const cause = new Error('the progress bar is broken');
      words.onChecked = () => {
        throw cause;
      };
      const failure: unknown = await words.next().catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(NetworkError);
      expect(failure).to.include({
        code: 'CallbackFailed',
        message: 'the transfer failed: the progress bar is broken',
        cause,
      });
    }),
  );
});
