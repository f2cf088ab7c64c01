import { type Channel, err, type NetworkError, OK, type Result } from '@entropynet/core';
import { OutgoingBytes } from '@entropynet/streams/internal/outgoing-bytes';
import { expect } from 'chai';

describe('the outgoing bytes of a stream', () => {
  let answer: Result;
  let outcomes: (NetworkError | undefined)[];
  let outgoing: OutgoingBytes;
  const done = (error?: NetworkError): number => outcomes.push(error);

  beforeEach(() => {
    answer = err('WouldBlock', 'there is no room');
    outcomes = [];
    outgoing = new OutgoingBytes({ trySend: () => answer } as unknown as Channel, () => undefined);
  });

  it('fail if the program transfers the memory of a chunk that waits', () => {
    const chunk = Buffer.from(new Uint8Array(100).buffer);
    outgoing.write([{ chunk }], done);
    structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
    answer = OK;
    outgoing.resume();
    expect(outcomes.map((error) => error?.code)).to.deep.equal(['InvalidParameter']);
    expect(outcomes[0]?.message).to.match(/^a written chunk can't be read: .* detached or shortened buffer was given$/);
    expect(outgoing.bytesSent).to.equal(0);
  });

  it('announce each control message once, even if the one before it timed out after its announcement', async () => {
    const sent: number[][] = [];
    const late = err('Timeout', 'the peer reads nothing');
    const answers: Result[] = [OK, late, OK, OK, OK];
    const send = (message: Uint8Array): Promise<Result> => {
      const next = answers.shift() ?? late;
      if (next.ok) sent.push([...message]);
      return Promise.resolve(next);
    };
    outgoing = new OutgoingBytes({ trySend: () => answer, send } as unknown as Channel, () => undefined);
    for (const control of [1, 2, 3]) await outgoing.sendControl(Uint8Array.of(control), false);
    expect(sent).to.deep.equal([[], [2], [], [3]]);
  });
});
