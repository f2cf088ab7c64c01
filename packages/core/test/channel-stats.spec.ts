import { scoped, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

const NOTHING = { messagesSent: 0, bytesSent: 0, sendWindow: 0, waitingMessages: 0, unreadFrames: 0 };

describe('the statistics of a channel', () => {
  it(
    'count its sent and its waiting bytes, and those of no other channel',
    scoped(async (scope) => {
      const transport = new LoopbackTransport();
      const config = { endpoint: `loopback://${freshName()}`, channelWindow: 65_536 };
      const server = scope.add(transport.createServer(config));
      unwrap(await server.listen());
      const client = scope.add(transport.createConnection(config));
      expect(client.channel('bulk').getStats()).to.deep.equal(NOTHING);
      unwrap(await client.connect());
      const accepted = scope.add(unwrap(await server.accept()));
      accepted.startReceiving();
      const bulk = client.channel('bulk');
      expect(bulk.getStats()).to.deep.equal(NOTHING);
      unwrap(await bulk.open());
      expect(bulk.getStats()).to.deep.equal({ ...NOTHING, sendWindow: 65_536 });

      let sent = 0;
      while (bulk.trySend(new Uint8Array(10_000)).ok) sent += 1;
      const waiting = bulk.send(new Uint8Array(10_000));
      const stats = bulk.getStats();
      expect(Object.isFrozen(stats)).to.be.true;
      expect(stats).to.include({ messagesSent: sent, bytesSent: sent * 10_000, waitingMessages: 1, unreadFrames: 0 });
      expect(stats.sendWindow).to.equal(65_536 - sent * 10_064);
      expect(client.defaultChannel.getStats()).to.deep.equal({ ...NOTHING, sendWindow: 65_536 });

      const far = accepted.channel('bulk');
      await until(() => far.getStats().unreadFrames === sent, 'the frames arrived');
      far.setMessageCallback(() => undefined);
      unwrap(await waiting);
      expect(bulk.getStats()).to.include({ messagesSent: sent + 1, waitingMessages: 0 });
      await client.disconnect();
      expect(bulk.getStats()).to.deep.equal(NOTHING);
    }),
  );
});
