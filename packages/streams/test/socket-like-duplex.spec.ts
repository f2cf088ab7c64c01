import { until } from '@entropynet/conformance/tools';
import { LoopbackConnection } from '@entropynet/core/testing';
import { toDuplex } from '@entropynet/streams';
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
