import { endpointFindings } from '@entropynet/cli/internal/support/endpoint-findings';
import type { Finding } from '@entropynet/cli/internal/support/finding';
import type { Terminal } from '@entropynet/cli/internal/support/terminal';
import { unwrap } from '@entropynet/core';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';

describe('the doctor at an endpoint', () => {
  const server = new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/' });
  let address = '';

  before(async () => {
    unwrap(await server.listen());
    address = server.address() ?? '';
  });

  after(async () => {
    await server.close();
  });

  /** Returns the last finding of the doctor at the server, with that signal of an interruption. */
  async function lastFinding(interrupted: AbortSignal): Promise<Finding | undefined> {
    return (await endpointFindings({ endpoint: address }, { interrupted } as Terminal)).at(-1);
  }

  it('says that it was interrupted before the server answered', async () => {
    const [judgement, found] = ['note', 'interrupted before the server answered'];
    expect(await lastFinding(AbortSignal.abort())).to.deep.equal({ what: 'handshake', judgement, found });

    const interruption = new AbortController();
    const usual = Object.getOwnPropertyDescriptor(WebSocketConnection.prototype, 'roundTripMs')!;
    Object.defineProperty(WebSocketConnection.prototype, 'roundTripMs', {
      configurable: true,
      get: () => {
        interruption.abort();
        return undefined;
      },
    });
    try {
      expect(await lastFinding(interruption.signal)).to.deep.equal({ what: 'round trip', judgement, found });
    } finally {
      Object.defineProperty(WebSocketConnection.prototype, 'roundTripMs', usual);
    }
  });
});
