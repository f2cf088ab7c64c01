import { scoped } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { type InspectorServer, serveInspector, startInspectorAgent } from '@entropynet/inspector';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningCommand } from '../support/command.js';
import { freshName } from '../support/fresh-name.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Sends the given headers, which `fetch` would not send. */
function get(address: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(address, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('the page of the inspector', () => {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-inspector-'));
  let inspector: InspectorServer;

  before(async () => {
    inspector = unwrap(await serveInspector({ directory, endpoint: freshName(), intervalMs: 50 }));
  });

  after(async () => {
    await inspector.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const page = (): URL => new URL(inspector.address);

  it('serves the page only with the token', async () => {
    const good = await get(inspector.address);
    expect(good.status).to.equal(200);
    expect(good.text).to.contain('<title>EntropyNet inspector</title>');
    expect(good.headers['content-security-policy']).to.contain("default-src 'none'").and.to.not.contain('unsafe');
    for (const token of ['', 'x', page().searchParams.get('token')?.replace(/.$/, 'g') ?? '']) {
      const refused = await get(`${page().origin}/?token=${token}`);
      expect([refused.status, refused.text]).to.deep.equal([
        403,
        'The token is missing or wrong: use the whole address that was printed.\n',
      ]);
    }
    expect((await get(`${page().origin}/page.js`)).status).to.equal(200);
    expect((await get(`${page().origin}/../package.json`)).status).to.equal(404);
    expect((await get(inspector.address, {}, 'POST')).status).to.equal(405);
    expect((await get(inspector.address, {}, 'HEAD')).text).to.equal('');
  });

  it('answers only to the names of this machine', async () => {
    for (const host of ['evil.example', 'localhost.evil.example', `127.0.0.1.evil.example:${page().port}`]) {
      expect((await get(inspector.address, { host })).status, host).to.equal(403);
    }
    expect((await get(inspector.address, { host: `localhost:${page().port}` })).status).to.equal(200);
  });

  it('sends data only with the token, and only to its own page', async () => {
    const endpoint = `ws://${page().host}/feed`;
    const secret = page().searchParams.get('token') ?? '';
    const without = await new WebSocketConnection({ endpoint }).connect();
    expect(without.ok ? 'ok' : without.error.code).to.equal('HandshakeFailed');
    const wrong = await new WebSocketConnection({ endpoint, secret: 'x'.repeat(32) }).connect();
    expect(wrong.ok ? 'ok' : wrong.error.code).to.equal('HandshakeFailed');
    const elsewhere = { endpoint, secret, webSocket: { headers: { origin: 'http://evil.example' } } };
    const foreign = await new WebSocketConnection(elsewhere).connect();
    expect(foreign.ok ? 'ok' : foreign.error.message).to.contain('403');
  });

  it('names a port that is in use', async () => {
    const taken = await serveInspector({ port: Number(page().port), endpoint: freshName(), directory });
    expect(taken.ok ? 'ok' : taken.error.code).to.equal('AddressInUse');
  });

  it('names a forbidden option, and the allowed ones', async () => {
    for (const [options, message] of [
      [{ port: 99_999 }, "'port' was given 99999; 0 to 65535 is allowed"],
      [{ intervalMs: 0 }, "'intervalMs' was given 0; 10 to 2147483647 is allowed"],
      [{ intervalMs: NaN }, "'intervalMs' was given NaN; 10 to 2147483647 is allowed"],
    ] as const) {
      const refused = await serveInspector({ endpoint: freshName(), directory, ...options });
      expect(refused.ok ? 'ok' : refused.error).to.include({ code: 'InvalidParameter', message });
    }
    expect(() => startInspectorAgent({ intervalMs: 1 })).to.throw("'intervalMs' was given 1;");
    for (const inspector of [{ endpoint: 'nats://127.0.0.1/x' }, { endpoint: 'x', fallback: ['nats://127.0.0.1/x'] }])
      expect(() => startInspectorAgent({ inspector })).to.throw(
        "'inspector': endpoint 'nats://127.0.0.1/x' has the unknown scheme 'nats'; registered are shm://, ws://, wss://",
      );
    expect(() => startInspectorAgent({ inspector: { endpoint: 'ws://h:99999' } })).to.throw('99999');
  });

  it(
    'is a command, which ends when it is interrupted',
    scoped(async (scope) => {
      const command = scope.add(new RunningCommand(['inspect', '--web', '--json'], { XDG_RUNTIME_DIR: directory }));
      await command.said('Ctrl+C ends the page');
      const { address } = JSON.parse(command.output.toString()) as { address: string };
      expect((await get(address)).status).to.equal(200);
      command.signal('SIGINT');
      expect(await command.ended()).to.include({ code: 130 });
    }),
  );
});
