import { expect } from 'chai';
import rpc from 'vscode-jsonrpc/node';
import { within } from '@entropynet/conformance/tools';
import { describeClient } from './support/describe-client.js';

describeClient('vscode-jsonrpc', 'json-rpc', (site) => {
  let connection: rpc.MessageConnection;
  let closed: Promise<void>;

  beforeEach(() => {
    const stream = site.connect();
    connection = rpc.createMessageConnection(new rpc.StreamMessageReader(stream), new rpc.StreamMessageWriter(stream));
    connection.onError(() => undefined);
    closed = new Promise((resolve) => {
      connection.onClose(resolve);
    });
    connection.listen();
  });

  it('calls, also many times at once, and gets the errors of the other side', async () => {
    const sums = Array.from({ length: 500 }, (_each, index) => connection.sendRequest('add', index, 1));
    expect(await Promise.all(sums)).to.deep.equal(sums.map((_each, index) => index + 1));
    const error = await connection.sendRequest('fail').then(
      () => undefined,
      (reason: unknown) => reason as rpc.ResponseError,
    );
    expect([error?.code, error?.message]).to.deep.equal([7, 'as planned']);
    connection.end();
    await within(closed, 'the connection is closed');
    expect(await site.server.told('its side is closed')).to.equal('closed');
  });

  it('sends and gets notifications, short and long', async () => {
    const texts = ['short', 'long '.repeat(200_000), ''];
    const told: string[] = [];
    const all = new Promise<void>((resolve) => {
      connection.onNotification('told', (text: string) => {
        told.push(text);
        if (told.length === texts.length) resolve();
      });
    });
    for (const text of texts) await connection.sendNotification('tell', text);
    await within(all, 'every notification came back');
    expect(told).to.deep.equal(texts);
    connection.end();
    await within(closed, 'the connection is closed');
    expect(await site.server.told('its side is closed')).to.equal('closed');
  });

  it('sees the end of the other side', async () => {
    await connection.sendNotification('leave');
    await within(closed, 'the connection is closed');
    expect(await site.server.told('its side is closed')).to.equal('closed');
  });

  it('sees the death of the other process', async () => {
    expect(await connection.sendRequest('add', 1, 2)).to.equal(3);
    await site.startAgain();
    await within(closed, 'the connection is closed');
  });
});
