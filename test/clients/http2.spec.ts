import { randomBytes } from 'node:crypto';
import * as http2 from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { within } from '@entropynet/conformance/tools';
import { describeClient } from './support/describe-client.js';
import { told } from './support/told.js';

describeClient('node:http2', 'http2', (site) => {
  let session: http2.ClientHttp2Session;

  beforeEach(() => {
    session = http2.connect('http://peer', { createConnection: site.connect });
  });

  afterEach(() => {
    session.destroy();
  });

  async function echo(body: Buffer): Promise<Buffer> {
    const stream = session.request({ ':path': '/echo', ':method': 'POST', 'content-length': body.length });
    const responded = told<http2.IncomingHttpHeaders>(stream, 'response');
    stream.end(body);
    const headers = await responded;
    expect(headers['x-length']).to.equal(String(body.length));
    return buffer(stream);
  }

  it('serves many streams side by side on one connection', async () => {
    const bodies = Array.from({ length: 50 }, (_each, index) => randomBytes(1 + index * 4000));
    const echoed = await within(Promise.all(bodies.map(echo)), 'all answers came');
    expect(echoed.every((each, index) => each.equals(bodies[index]!))).to.equal(true);
  });

  it('carries a long body, and pings meanwhile', async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const echoing = echo(body);
    const pinged = new Promise<Buffer>((resolve, reject) => {
      session.ping(Buffer.from('12345678'), (error, _duration, payload) => {
        if (error === null) resolve(payload);
        else reject(error);
      });
    });
    expect((await within(pinged, 'the ping came back')).toString()).to.equal('12345678');
    expect((await within(echoing, 'the body came back')).equals(body)).to.equal(true);
  });

  it('closes when its last stream has ended', async () => {
    const stream = session.request({ ':path': '/echo', ':method': 'POST' });
    await within(told(stream, 'response'), 'the stream is under way');
    const closed = told(session, 'close');
    session.close();
    stream.end('last');
    expect((await buffer(stream)).toString()).to.equal('last');
    await within(closed, 'the session is closed');
  });

  it('ends with a server that dies', async () => {
    const stream = session.request({ ':path': '/unanswered' });
    stream.on('error', () => undefined);
    session.on('error', () => undefined);
    const closed = [told(stream, 'close'), told(session, 'close')];
    expect(await site.server.told('the request arrived')).to.equal('unanswered');
    await site.startAgain();
    await within(Promise.all(closed), 'stream and session are closed');
    expect(session.destroyed).to.equal(true);
  });
});
