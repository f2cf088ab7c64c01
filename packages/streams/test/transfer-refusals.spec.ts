import { scoped } from '@entropynet/conformance/tools';
import { CHANNEL_ASSET_UPLOAD, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { send, shortOffer, withSend } from './transfer-bench.js';

describe('the reason of a refusal', () => {
  it(
    'is told to the sender although the receiver left before the last word',
    scoped(async (scope) => {
      const { path, sender, receiver, side } = await shortOffer(scope);
      const late = withSend(sender, async (channel, bytes) => {
        if (Buffer.from(bytes).includes('sha256')) {
          await side.say({ refused: 'no room' });
          await receiver.disconnect();
        }
        return await sender.sendOnChannel(channel, bytes);
      });
      const sent = send(late, path);
      await side.next();
      await side.say({ have: 0, sha256: '' });
      expect(await sent).to.have.property('message', 'the other side refused: no room');
    }),
  );

  it(
    'is told to the sender although the channel of the bytes closed before it was read',
    scoped(async (scope) => {
      const { path, sender, receiver, side } = await shortOffer(scope);
      const late = withSend(sender, async (channel, bytes) => {
        if (channel === CHANNEL_ASSET_UPLOAD) unwrap(await receiver.closeChannel(channel));
        const sent = await sender.sendOnChannel(channel, bytes);
        if (!sent.ok) void side.say({ refused: 'no room' });
        return sent;
      });
      const sent = send(late, path);
      await side.next();
      await side.say({ have: 0, sha256: '' });
      expect(await sent).to.have.property('message', 'the other side refused: no room');
    }),
  );
});
