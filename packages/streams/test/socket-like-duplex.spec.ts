import { until } from '@entropynet/conformance/tools';
import { LoopbackConnection } from '@entropynet/core/testing';
import { connectDuplex, toDuplex } from '@entropynet/streams';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';

describe('the timeout of a stream', () => {
  it('is not set on a destroyed stream, as on a socket', async () => {
    const [destroyed, alive] = [1, 2].map(() => toDuplex(new LoopbackConnection({ endpoint: freshName() })));
    const order: string[] = [];
    destroyed?.destroy();
    destroyed?.setTimeout(1, () => order.push('destroyed'));
    alive?.setTimeout(20, () => order.push('alive'));
    await until(() => order.includes('alive'), 'the later timeout was reported');
    expect(order).to.deep.equal(['alive']);
    expect(destroyed?.timeout).to.equal(undefined);
    alive?.destroy();
  });
});

describe('the state of a stream', () => {
  it('is closed after it could not connect, and after it was destroyed while it connected, as on a socket', async () => {
    const [refused, destroyed] = [1, 2].map(() => connectDuplex(new LoopbackConnection({ endpoint: freshName() })));
    const codes: unknown[] = [];
    refused?.once('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
    expect([refused?.connecting, refused?.readyState]).to.deep.equal([true, 'opening']);
    destroyed?.destroy();
    await until(() => refused?.closed === true && destroyed?.closed === true, 'both are closed');
    expect(codes).to.deep.equal(['ECONNREFUSED']);
    for (const stream of [refused, destroyed]) {
      expect([stream?.connecting, stream?.readyState]).to.deep.equal([false, 'closed']);
    }
  });
});
