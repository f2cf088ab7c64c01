import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpointFindings } from '@entropynet/cli/internal/support/endpoint-findings';
import type { Finding } from '@entropynet/cli/internal/support/finding';
import type { Terminal } from '@entropynet/cli/internal/support/terminal';
import { unwrap } from '@entropynet/core';
import { runInProcess } from '@entropynet/test/support/command-in-process';
import { WebSocketConnection, WebSocketConnectionServer } from '@entropynet/transport-ws';
import { expect } from 'chai';

/** Nothing listens there. */
const NOWHERE = 'ws://127.0.0.1:1/';

describe('the doctor at an endpoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-doctor-'));
  const config = join(folder, 'config.json');
  const server = new WebSocketConnectionServer({ endpoint: 'ws://127.0.0.1:0/' });
  let address = '';

  before(async () => {
    unwrap(await server.listen());
    address = server.address() ?? '';
  });

  after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Returns the judgements of the doctor with a configuration file, by check. */
  async function judgements(endpoint: string, content: object): Promise<Record<string, string>> {
    await writeFile(config, JSON.stringify(content));
    const { output } = await runInProcess(['doctor', endpoint, '--config', config, '--json']);
    const findings = JSON.parse(output) as { what: string; judgement: string }[];
    return Object.fromEntries(findings.map(({ what, judgement }) => [what, judgement]));
  }

  it('checks each fallback of a configuration file, and names its endpoint', async () => {
    expect(await judgements(NOWHERE, { fallback: [address] })).to.deep.equal({
      runtime: 'good',
      [`handshake at ${NOWHERE}`]: 'problem',
      [`handshake at ${address}`]: 'good',
      [`round trip at ${address}`]: 'good',
    });
  });

  it('checks an endpoint that is listed twice once', async () => {
    const findings = await endpointFindings({ endpoint: address, fallback: [NOWHERE, address, NOWHERE] }, {
      interrupted: new AbortController().signal,
    } as Terminal);
    expect(findings.map(({ what }) => what)).to.deep.equal([
      `handshake at ${address}`,
      `round trip at ${address}`,
      `handshake at ${NOWHERE}`,
    ]);
  });

  it('checks only endpoints of the backend of a configuration file', async () => {
    expect(await judgements('a-name', { backend: 'websocket', fallback: [address] })).to.deep.equal({
      runtime: 'good',
      [`handshake at ${address}`]: 'good',
      [`round trip at ${address}`]: 'good',
    });
    await writeFile(config, '{"backend": "nats"}');
    const { code, output, errors } = await runInProcess(['doctor', address, '--config', config]);
    expect([code, output]).to.deep.equal([2, '']);
    expect(errors).to.include("backend 'nats' serves none of the endpoints");
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
