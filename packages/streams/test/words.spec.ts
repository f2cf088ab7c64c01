import { scoped } from '@entropynet/conformance/tools';
import { type Channel, NetworkError, OK } from '@entropynet/core';
import { type FileConnection, TRANSFER_TIMES, Words } from '@entropynet/streams/internal/files/words';
import { expect } from 'chai';

/** A connection whose peer says these words, and then nothing. */
function connectionThatHears(...said: readonly object[]): FileConnection {
  const channel: Pick<Channel, 'isOpen' | 'take'> = {
    isOpen: true,
    take: ({ onMessage }) => {
      queueMicrotask(() => {
        for (const word of said) onMessage(Buffer.from(JSON.stringify(word)));
      });
      return { isHeld: true, pause: nothing, resume: nothing, release: nothing };
    },
  };
  return {
    channel: () => channel as Channel,
    closeChannel: () => Promise.resolve(OK),
    isConnected: () => true,
    openChannel: () => Promise.resolve(OK),
    sendOnChannel: () => Promise.resolve(OK),
    startReceiving: nothing,
  };
}

function nothing(): void {
  // This connection has no peer.
}

describe('the words of a transfer', () => {
  it(
    'name a callback that throws when the other side reports its progress',
    scoped(async (scope) => {
      const connection = connectionThatHears({ checked: 1, of: 2 });
      const words = new Words(connection, 'control', new AbortController().signal, TRANSFER_TIMES);
      scope.defer(() => {
        words.release();
      });
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
