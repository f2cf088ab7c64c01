import { transferred } from '@entropynet/cli/internal/support/transfers';
import { err, NetworkError, ok, type Result } from '@entropynet/core';
import { expect } from 'chai';

describe('the sentence of a transfer that failed', () => {
  const sentenceOf = (result: Result<number>): string => {
    try {
      return String(transferred(result, './received'));
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('names the place and the remedy for an error of the system', () => {
    const cause = Object.assign(new Error('EROFS: read-only file system, open'), { code: 'EROFS' });
    expect(sentenceOf(err('InvalidParameter', 'the transfer failed', cause))).to.equal(
      'the transfer failed; ./received: the file system is read-only (EROFS)',
    );
  });

  it('is that of the error, which names the place, for a shortage', () => {
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(sentenceOf(err('ResourceLimitExceeded', 'the disk of ./received is full', cause))).to.equal(
      'the disk of ./received is full',
    );
  });

  it('is that of the error for any other cause', () => {
    for (const cause of [undefined, null, 'text', { code: 5 }, new NetworkError('PeerDied', 'gone')])
      expect(sentenceOf(err('PeerDied', 'the transfer failed', cause))).to.equal('the transfer failed');
    expect(sentenceOf(ok(5))).to.equal('5');
  });
});
