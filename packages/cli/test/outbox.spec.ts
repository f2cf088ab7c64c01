import { turns } from '@entropynet/conformance/tools';
import { Outbox, OUTBOX_BYTES, OUTBOX_MESSAGES } from '@entropynet/cli/internal/support/outbox';
import { err, ok, type Result } from '@entropynet/core';
import { expect } from 'chai';

/** A client that takes a message when the test says so, and patience that ends when the test says so. */
class ManualClient {
  readonly offered: Uint8Array[] = [];
  readonly told: string[] = [];
  readonly outbox: Outbox;
  #take: ((result: Result) => void) | undefined;
  #endPatience: (() => void) | undefined;

  constructor() {
    this.outbox = new Outbox({
      send: (data) => {
        this.offered.push(data);
        return new Promise((resolve) => {
          this.#take = resolve;
        });
      },
      onFailure: (failure) => this.told.push(failure),
      after: (_milliseconds, callback) => {
        this.#endPatience = callback;
        return () => {
          this.#endPatience = undefined;
        };
      },
    });
  }

  async take(result: Result = ok()): Promise<void> {
    this.#take?.(result);
    await turns(2);
  }

  async losePatience(): Promise<void> {
    this.#endPatience?.();
    await turns(2);
  }

  fill(): void {
    for (let count = 0; count < 4; count += 1) this.outbox.offer(new Uint8Array(OUTBOX_BYTES / 4));
  }

  /** Whether the outbox keeps the others waiting. */
  async keepsWaiting(): Promise<boolean> {
    let isOver = false;
    void this.outbox.room().then(() => (isOver = true));
    await turns(2);
    return !isOver;
  }
}

describe('the messages that wait for one client of many', () => {
  it('leave one after the other, and none of them waits', async () => {
    const client = new ManualClient();
    const messages = [1, 2, 3].map((byte) => Uint8Array.of(byte));
    for (const message of messages) {
      await client.outbox.room();
      client.outbox.offer(message);
    }
    expect(client.offered).to.deep.equal([messages[0]]);
    for (let taken = 0; taken < messages.length; taken += 1) await client.take();
    expect(client.offered).to.deep.equal(messages);
    expect(client.told).to.deep.equal([]);
  });

  it('delay others only while the client takes messages', async () => {
    const client = new ManualClient();
    client.fill();
    expect(await client.keepsWaiting()).to.be.true;
    await client.take();
    expect(await client.keepsWaiting()).to.be.false;
    client.outbox.offer(new Uint8Array(OUTBOX_BYTES / 4));
    expect(await client.keepsWaiting()).to.be.true;
    await client.losePatience();
    expect(await client.keepsWaiting()).to.be.false;
  });

  it('have limited memory, and lost ones are counted', async () => {
    const client = new ManualClient();
    client.fill();
    for (const byte of [1, 2, 3]) client.outbox.offer(Uint8Array.of(byte));
    expect(client.told).to.deep.equal(['reads too slowly; messages for it are lost from now on']);
    await client.take();
    client.outbox.offer(Uint8Array.of(4));
    expect(client.told.slice(1)).to.deep.equal(['reads again; 3 messages for it were lost']);
    for (let count = 0; count < 4; count += 1) await client.take();
    expect(client.offered.at(-1)).to.deep.equal(Uint8Array.of(4));
  });

  it('have a limited number', () => {
    const client = new ManualClient();
    for (let count = 0; count <= OUTBOX_MESSAGES; count += 1) client.outbox.offer(new Uint8Array(0));
    expect(client.told).to.have.length(1);
  });

  it('report why one was not sent, and continue', async () => {
    const client = new ManualClient();
    client.outbox.offer(Uint8Array.of(1));
    client.outbox.offer(Uint8Array.of(2));
    await client.take(err('Timeout', 'nothing was taken'));
    expect(client.told).to.deep.equal(['not sent: nothing was taken (Timeout)']);
    expect(client.offered).to.have.length(2);
  });

  it('are dropped silently when the client has left', async () => {
    const client = new ManualClient();
    client.fill();
    await client.take(err('ConnectionClosed', 'the peer left'));
    expect(client.told).to.deep.equal([]);
    expect(client.offered).to.have.length(1);
    expect(await client.keepsWaiting()).to.be.false;
  });
});
