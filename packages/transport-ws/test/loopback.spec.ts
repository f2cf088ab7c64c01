import { addressesToBind, isLoopbackAddress, isLoopbackName } from '@entropynet/transport-ws/internal/node/loopback';
import { expect } from 'chai';

describe('loopback addresses', () => {
  it('are addresses, and not names like them', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1']) {
      expect(isLoopbackAddress(address), address).to.equal(true);
    }
    for (const address of ['127.example.com', '127.0.0.1.example', 'localhost', '10.0.0.1', '::2', '', undefined]) {
      expect(isLoopbackAddress(address), address).to.equal(false);
    }
  });

  it('are all bound for a name of this machine, and one for any other host', async () => {
    expect(await addressesToBind('localhost')).to.include.members(['127.0.0.1', '::1']);
    expect(await addressesToBind('a.localhost')).to.include.members(['127.0.0.1', '::1']);
    expect(await addressesToBind('127.0.0.1')).to.deep.equal(['127.0.0.1']);
    expect(isLoopbackName('notlocalhost')).to.equal(false);
    expect(isLoopbackName('LOCALHOST.')).to.equal(true);
  });
});
