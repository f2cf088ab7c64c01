import { codeOf } from '@entropynet/conformance/tools';
import { ConnectionType, servingTransports, type Transport, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { expect } from 'chai';

class RemoteTransport extends LoopbackTransport {
  override readonly schemes = ['far', 'fars'];
  override readonly connectionType = ConnectionType.Remote as never;
}

describe('the transports that serve an endpoint', () => {
  const local = new LoopbackTransport();
  const second = new LoopbackTransport();
  const remote: Transport = new RemoteTransport();
  const all = [remote, local, second];

  it('have its scheme, or are local for a bare name', () => {
    expect(unwrap(servingTransports('FAR://host', all))).to.deep.equal([remote]);
    expect(unwrap(servingTransports('loopback://x', all))).to.deep.equal([local, second]);
    expect(unwrap(servingTransports('x', all))).to.deep.equal([local, second]);
  });

  it('are named if there is none', () => {
    for (const [endpoint, transports, sentence] of [
      ['ftp://me:secret@host', all, "has the unknown scheme 'ftp'; registered are far://, fars://, loopback://"],
      ['x', [remote], 'is a bare name, and no registered transport is local; registered schemes are far://, fars://'],
      ['', all, 'it is empty'],
    ] as const) {
      const served = servingTransports(endpoint, transports);
      expect(codeOf(served)).to.equal('InvalidParameter');
      expect(served.ok ? '' : served.error.message)
        .to.include(sentence)
        .and.not.include('secret');
    }
  });
});
