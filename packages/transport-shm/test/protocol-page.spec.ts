import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { SecretProver, unwrap } from '@entropynet/core';
import { frameHeader, FrameType } from '@entropynet/core/internal/wire/frame';
import { encodeReply, encodeRequest } from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { ringCapacityOf } from '@entropynet/transport-shm/internal/region/layout';
import { RingHarness, START, TAIL } from './ring-harness.js';

const page = readFileSync(new URL('../../../../docs/shared-memory-protocol.md', import.meta.url), 'utf8');
const vectors = page.slice(page.indexOf('## 11. Test vectors'));
/** The cells of the rows of a table that begin with a cell of that form. */
const rows = (first: RegExp): string[][] =>
  vectors
    .split('\n')
    .filter((line) => first.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
const blocks = [...vectors.matchAll(/```text\n(?<text>[^`]*)```/g)].map((match) => match.groups?.['text'] ?? '');
const bytesFrom = (first: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_unused, index) => first + index);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const limits = { maxMessageSize: 2 ** 24, channelWindow: 2 ** 20, maxChannels: 256, capabilities: 2 };

describe("the protocol page's test vectors", () => {
  it('are the names of servers', () => {
    const named = rows(/^\| `[^|]*` *\| `/);
    expect(named).to.have.length(2);
    for (const [, name = '', hash = ''] of named)
      expect(serverNames('/d', name).region).to.equal(join('/d', `${hash}.region`));
  });

  it('are the sizes of rings and frames', () => {
    const sizes = rows(/^\| \d/);
    expect(sizes).to.have.length(5);
    for (const [, region, capacity, payload] of sizes) {
      expect(ringCapacityOf(Number(region))).to.equal(Number(capacity));
      // The harness makes a ring of that capacity: the largest is left to arithmetic.
      if (Number(capacity) < 2 ** 24)
        expect(new RingHarness(Number(capacity)).writer.maxFrameBytes).to.equal(Number(payload));
      else expect(Number(payload)).to.equal(Math.floor(Number(capacity) / 4 / 8) * 8 - 8);
    }
  });

  it('are a request and a reply', () => {
    const request = encodeRequest({ serverNonce: bytesFrom(0, 16), regionBytes: 2 ** 22, limits });
    const reply = encodeReply({
      identity: bytesFrom(16, 16),
      regionBytes: 65_537,
      limits: { ...limits, secret: 'any' },
    });
    expect(blocks[0]?.replaceAll(/\s/g, '')).to.equal(hexOf(request));
    expect(blocks[1]?.replaceAll(/\s/g, '')).to.equal(hexOf(reply));
  });

  it('are the proofs of a secret', () => {
    const secret = 'correct horse battery';
    const proof = (role: string, nonce: Uint8Array): string =>
      createHmac('sha256', secret).update(`entropynet ${role}`).update(bytesFrom(0, 32)).update(nonce).digest('hex');
    const [client, server] = ['client', 'server'].map((role) => `${role} ${proof(role, bytesFrom(32, 32))}`);
    expect(blocks[2]?.trim().split('\n')).to.deep.equal([client, server]);
    // The transport's prover takes random bytes of its own.
    const answer = unwrap(new SecretProver(secret).answer(bytesFrom(0, 32)));
    expect(hexOf(answer.subarray(32))).to.equal(proof('client', answer.subarray(0, 32)));
  });

  it('are frames in a ring, with padding and a wrapped offset', () => {
    const ring = new RingHarness(32_640);
    for (const length of [8152, 8152, 8152, 8120]) {
      expect(ring.write(0, new Uint8Array(length))).to.equal(true);
      ring.drain(1);
    }
    ring.bytes.fill(0, START);
    const text = new TextEncoder();
    const tails = [ring.words[TAIL] as number];
    for (const [header, payload] of [
      [frameHeader(FrameType.Message, 0), 'hi'],
      [frameHeader(FrameType.ChannelOpen, 1), 'log-lines'],
      [frameHeader(FrameType.Message, 1), ''],
    ] as const) {
      expect(ring.write(header, text.encode(payload))).to.equal(true);
      tails.push(ring.words[TAIL] as number);
    }
    expect(tails).to.deep.equal([32_608, 32_624, 32_664, 32_672]);
    const lines = (blocks[3] ?? '').trimEnd().split('\n');
    expect(lines).to.have.length(4);
    for (const line of lines) {
      const [offset = '', ...words] = line.trim().split(/\s+/);
      const found = hexOf(ring.bytes.subarray(START + Number(offset), START + Number(offset) + 16));
      const expected = words.join('');
      expect(expected).to.have.length(32);
      // Dots are bytes that mean nothing.
      expect(Array.from(found, (digit, index) => (expected[index] === '.' ? '.' : digit)).join('')).to.equal(expected);
    }
  });
});
