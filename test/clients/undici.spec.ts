import { randomBytes } from 'node:crypto';
import { undiciConnector } from '@entropynet/streams/http';
import { expect } from 'chai';
import { fetch, Pool, request, RetryAgent } from 'undici';
import { describeClient } from './support/describe-client.js';

describeClient('undici', 'http', (site) => {
  let pool: Pool;

  beforeEach(() => {
    pool = new Pool('http://peer', { connections: 4, connect: undiciConnector(site.open) });
  });

  // A client without its server has nothing to finish.
  afterEach(() => pool.destroy());

  it('serves many requests side by side over the few connections of a pool', async () => {
    const bodies = Array.from({ length: 40 }, (_each, index) => randomBytes(1000 + index * 5000));
    const echoed = await Promise.all(
      bodies.map(async (body) => {
        const response = await pool.request({ path: '/echo', method: 'POST', body });
        return Buffer.from(await response.body.arrayBuffer());
      }),
    );
    expect(echoed.every((each, index) => each.equals(bodies[index]!))).to.equal(true);
    expect(pool.stats.connected).to.be.within(1, 4);
  });

  it('fetches', async () => {
    const sent = JSON.stringify({ text: 'ä'.repeat(100_000) });
    const response = await fetch('http://peer/echo', { method: 'POST', body: sent, dispatcher: pool });
    expect(response.status).to.equal(200);
    expect(await response.text()).to.equal(sent);
  });

  it('streams a long body there and back', async () => {
    const parts = Array.from({ length: 200 }, () => randomBytes(50_000));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts[index];
        index += 1;
        if (part === undefined) controller.close();
        else controller.enqueue(part);
      },
    });
    let index = 0;
    const response = await fetch('http://peer/echo', { method: 'POST', body, duplex: 'half', dispatcher: pool });
    const received: Uint8Array[] = [];
    for await (const part of response.body!) received.push(part as Uint8Array);
    expect(Buffer.concat(received).equals(Buffer.concat(parts))).to.equal(true);
  });

  it('aborts a request, which the server sees', async () => {
    const controller = new AbortController();
    const given = pool.request({ path: '/unanswered', method: 'GET', signal: controller.signal });
    expect(await site.server.told('the request arrived')).to.equal('unanswered');
    controller.abort();
    const error = await given.then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error?.name).to.equal('AbortError');
    expect(await site.server.told('the client has gone')).to.equal('given up');
  });

  it('repeats a request whose server died until the next one listens (RetryAgent)', async () => {
    const agent = new RetryAgent(pool, { maxRetries: 500, minTimeout: 10, maxTimeout: 50 });
    const answered = request('http://peer/unanswered', { dispatcher: agent });
    expect(await site.server.told('the request arrived')).to.equal('unanswered');
    await site.startAgain('second');
    const response = await answered;
    expect(await response.body.text()).to.equal('second');
  });

  it('fails with ECONNREFUSED if no server listens', async () => {
    await site.server.kill();
    const error = await pool.request({ path: '/', method: 'GET' }).then(
      () => undefined,
      (reason: unknown) => reason as NodeJS.ErrnoException,
    );
    expect(error?.code).to.equal('ECONNREFUSED');
    await site.startAgain();
  });
});
