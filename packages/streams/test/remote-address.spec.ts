import { remoteAddressOf } from '@entropynet/streams/internal/remote-address';
import { expect } from 'chai';

describe('the remote address of a stream', () => {
  for (const [address, parts] of [
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80, family: 'IPv4' }],
    ['[::1]:8080', { host: '::1', port: 8080, family: 'IPv6' }],
    ['peer.example:443', { host: 'peer.example', port: 443, family: undefined }],
    ['peer.example', undefined],
    [undefined, undefined],
  ] as const) {
    it(`is ${JSON.stringify(parts)} for ${address ?? 'no address'}`, () => {
      expect(remoteAddressOf(address)).to.deep.equal(parts);
    });
  }
});
