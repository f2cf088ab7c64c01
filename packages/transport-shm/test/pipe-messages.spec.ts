import { once } from 'node:events';
import { connect } from 'node:net';
import { turns, until } from '@entropynet/conformance/tools';
import { isSystemError, type LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import { expect } from 'chai';
import { itWithAddon, nativeBinding } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

/** Longer than any message of the protocol. */
const TOO_LONG = new Uint8Array(70_000);

describe('a message of a named pipe that is too long', () => {
  before(function () {
    if (process.platform !== 'win32') leaveOut(this, 'only Windows has named pipes');
  });

  /** Reads until the addon refuses. Returns the code of its error. */
  const refusalOf = async (socket: LocalSocket): Promise<string> => {
    let code = '';
    await until(() => {
      try {
        socket.receive(new Uint8Array(64));
      } catch (error) {
        code = isSystemError(error) ? error.code : String(error);
      }
      return code !== '';
    }, 'the message is refused');
    return code;
  };

  for (const [what, isEarly] of [
    ['before this side reads', true],
    ['while this side reads', false],
  ] as const) {
    itWithAddon(`breaks the protocol if it arrives ${what}`, async () => {
      const path = `\\\\.\\pipe\\entropynet-test-${process.pid}-${String(isEarly)}`;
      const listening = nativeBinding()!.LocalSocket.listen(path, 1);
      const client = connect(path);
      client.on('error', () => undefined);
      await once(client, 'connect');
      if (isEarly) client.write(TOO_LONG);
      await turns(20);
      const accepted = listening.accept()!;
      if (!isEarly) client.write(TOO_LONG);
      try {
        expect(await refusalOf(accepted)).to.equal('EPROTO');
      } finally {
        accepted.close();
        listening.close();
        client.destroy();
      }
    });
  }
});
