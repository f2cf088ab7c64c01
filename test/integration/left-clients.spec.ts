import type { TransportFixture } from '@entropynet/conformance';
import { codeOf, scoped } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { counted } from '../support/counted-admissions.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';

function describeLeftClients(name: string, fixture: TransportFixture): void {
  describe(`a client that left before the server accepted it, over ${name}`, () => {
    it(
      '[SERVER-5] leaves the place that `admit` gave it to the next one',
      scoped(async (scope) => {
        const count = counted(1);
        const config = fixture.freshConfig();
        const transport = fixture.createTransport();
        const server = scope.add(transport.createServer({ ...config, admit: count.admit }));
        unwrap(await server.listen());
        const clientConfig = fixture.clientConfig(config, server.address()!);
        const left = scope.add(transport.createConnection(clientConfig));
        unwrap(await left.connect());
        unwrap(await left.disconnect());
        const next = scope.add(transport.createConnection(clientConfig));
        unwrap(await next.connect());
        const third = scope.add(transport.createConnection(clientConfig));
        expect(codeOf(await third.connect())).to.equal('ResourceLimitExceeded');
        expect(count.taken).to.equal(1);
        scope.add(unwrap(await server.accept()));
      }),
    );
  });
}

describeLeftClients('shared memory', sharedMemoryFixture());
describeLeftClients('WebSocket', webSocketFixture);
