import { OWN_LIBRARY } from '@entropynet/transport-shm/internal/region/control-block';
import { codeOf } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OWN_CAPABILITIES } from '@entropynet/core';
import {
  decodeServerIdentity,
  DISCOVERY_BYTES,
  encodeServerIdentity,
  readDiscoveryRegion,
} from '@entropynet/transport-shm/internal/discovery/discovery-region';
import {
  decodeReply,
  decodeRequest,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  HANDSHAKE_BYTES,
} from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import { serverNameOf, serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { leaveOut } from '@entropynet/test/support/leave-out';

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const uint32 = fc.nat({ max: 0xffff_ffff });
const limits = fc.record({
  maxMessageSize: uint32,
  channelWindow: fc.integer({ min: 16_384, max: 0xffff_ffff }),
  maxChannels: uint32,
});

/** The end of the bytes that stay: in front of the magic, behind it, behind the version, or anywhere. */
const kept = fc.oneof(fc.constantFrom(0, 4, 8), fc.nat({ max: HANDSHAKE_BYTES }));

/** Returns the first `end` bytes of `valid`, and the bytes of `others` behind them. */
function withBeginning(valid: Uint8Array, end: number, others: Uint8Array): Uint8Array {
  return Buffer.concat([valid.subarray(0, end), others.subarray(end)]);
}

function isSameIn(left: Uint8Array, right: Uint8Array, start: number, end: number): boolean {
  return Buffer.compare(left.subarray(start, end), right.subarray(start, end)) === 0;
}

describe('server names', () => {
  it('turns any name into a short file name inside the directory', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const { region, socket } = serverNames('/d', name);
        expect(region).to.match(/^[/\\]d[/\\][0-9a-f]{24}\.region$/);
        expect(socket).to.match(/^[/\\]d[/\\][0-9a-f]{24}\.socket$/);
      }),
    );
    for (const name of ['../x', '/', 'Global\\x', 'con', ''])
      expect(serverNames('/d', name).region.startsWith(join('/d', '/'))).to.equal(true);
  });

  it('finds a server by its name and by its address', () => {
    expect(serverNameOf('shm://canvas')).to.equal(serverNameOf('canvas'));
  });
});

describe('the discovery region', () => {
  it('reads back the written values', () => {
    const identity = fc.record({
      nonce: bytes16,
      processId: uint32,
      maxConnections: uint32,
      startTime: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(identity, (written) => {
        const value = { ...written, library: OWN_LIBRARY };
        expect(decodeServerIdentity(encodeServerIdentity(written))).to.deep.equal({ ok: true, value });
      }),
    );
  });

  it('is named by its path in the error about its contents', function () {
    if (process.platform === 'win32') leaveOut(this, 'the check of the file needs the addon');
    const folder = mkdtempSync(join(tmpdir(), 'discovery-'));
    const path = join(folder, 'foreign.region');
    writeFileSync(path, new Uint8Array(DISCOVERY_BYTES), { mode: 0o600 });
    const read = readDiscoveryRegion(path, process.getuid?.() ?? 0);
    rmSync(folder, { recursive: true });
    expect(read.ok ? 'ok' : read.error.code).to.equal('SharedMemoryCorrupted');
    expect(read.ok ? '' : read.error.message).to.include(path);
  });

  it('answers any bytes with an identity, or with the code of the first wrong field', () => {
    const valid = encodeServerIdentity({ nonce: new Uint8Array(16), processId: 1, maxConnections: 1, startTime: 1n });
    fc.assert(
      fc.property(kept, fc.uint8Array({ maxLength: DISCOVERY_BYTES + 1 }), (end, bytes) => {
        const given = withBeginning(valid, end, bytes);
        const isOurs = given.length === DISCOVERY_BYTES && isSameIn(given, valid, 0, 4);
        const code = isSameIn(given, valid, 4, 8) ? 'ok' : 'IncompatibleVersion';
        expect(codeOf(decodeServerIdentity(given))).to.equal(isOurs ? code : 'SharedMemoryCorrupted');
      }),
    );
  });
});

describe('the handshake messages', () => {
  it('read back the written values', () => {
    fc.assert(
      fc.property(bytes16, uint32, limits, fc.boolean(), (identity, regionBytes, peerLimits, hasSecret) => {
        const sent = { ...peerLimits, ...(hasSecret && { secret: 'never sent' }) };
        const received = { ...peerLimits, hasSecret, capabilities: OWN_CAPABILITIES };
        const request = { serverNonce: identity, regionBytes };
        expect(decodeRequest(encodeRequest({ ...request, limits: sent }))).to.deep.equal({
          ok: true,
          value: { ...request, limits: received },
        });
        const reply = { identity, regionBytes };
        expect(decodeReply(encodeReply({ ...reply, limits: sent }))).to.deep.equal({
          ok: true,
          value: { ...reply, limits: received },
        });
      }),
    );
  });

  it('name the reason of a refusal', () => {
    const codes = ([1, 2, 3, 4, 5, 6, 7, 8] as const).map((refusal) => {
      const reply = decodeReply(encodeRefusal(refusal));
      return reply.ok ? 'accepted' : reply.error.code;
    });
    expect(codes).to.deep.equal([
      'IncompatibleVersion',
      'ResourceLimitExceeded',
      'TransportUnavailable',
      'ResourceLimitExceeded',
      'HandshakeFailed',
      'HandshakeFailed',
      'HandshakeFailed',
      'HandshakeFailed',
    ]);
  });

  it('answer bytes of other programs and other versions with the code of the first wrong field', () => {
    const greeting = { maxMessageSize: 1, channelWindow: 65_536, maxChannels: 1 };
    const messages = [
      [encodeRequest({ serverNonce: new Uint8Array(16), regionBytes: 65_536, limits: greeting }), decodeRequest],
      [encodeReply({ identity: new Uint8Array(16), regionBytes: 65_536, limits: greeting }), decodeReply],
    ] as const;
    fc.assert(
      fc.property(kept, fc.uint8Array({ minLength: HANDSHAKE_BYTES, maxLength: HANDSHAKE_BYTES }), (end, bytes) => {
        for (const [valid, decode] of messages) {
          const given = withBeginning(valid, end, bytes);
          if (!isSameIn(given, valid, 0, 4)) expect(codeOf(decode(given))).to.equal('HandshakeFailed');
          else if (!isSameIn(given, valid, 4, 8)) expect(codeOf(decode(given))).to.equal('IncompatibleVersion');
          else expect(() => decode(given)).to.not.throw();
        }
      }),
    );
  });

  it('refuse another version with its own code', () => {
    const request = encodeRequest({
      serverNonce: new Uint8Array(16),
      regionBytes: 65_536,
      limits: { maxMessageSize: 1, channelWindow: 65_536, maxChannels: 1 },
    });
    request[4] = 99;
    const result = decodeRequest(request);
    expect(result.ok ? '' : result.error.code).to.equal('IncompatibleVersion');
  });
});
