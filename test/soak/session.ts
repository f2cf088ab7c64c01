import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { CHANNEL_CONTROL, type MessageOwnership, type Result } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import type { Random } from './random.js';
import type { SessionEnd } from './session-pairs.js';
import { HEADER_BYTES, StreamChecks, writeMessage } from './stream.js';

const CHANNELS = ['', 'first', 'second', CHANNEL_CONTROL] as const;

/** The counters of a session. */
export interface SessionTotals {
  sent: number;
  received: number;
  bytes: number;
}

/** Traffic in both directions over one connection, until this side says goodbye or the connection ends. */
export class Session {
  readonly #handle: ConnectionHandle;
  readonly #random: Random;
  readonly #totals: SessionTotals;
  readonly #checks: StreamChecks;
  readonly #seed: number;
  /** The sequence after the last one of each stream that has ended. */
  readonly #nextOf = new Map<string, number>();
  #sent = 0;
  #saysGoodbye = false;
  #hasEnded = false;
  #hasFailed = false;

  constructor(handle: ConnectionHandle, random: Random, totals: SessionTotals, complain: (text: string) => void) {
    this.#handle = handle;
    this.#random = random;
    this.#totals = totals;
    this.#seed = random.below(2 ** 31);
    this.#checks = new StreamChecks((complaint) => {
      complain(`${handle.getBackend() ?? 'unknown'}: ${complaint}`);
    });
    for (const channel of CHANNELS) {
      const ownership = random.pick<MessageOwnership>(['copy', 'borrow']);
      const callback = (data: Uint8Array): void => {
        this.#checks.take(channel, data);
        totals.received += 1;
        totals.bytes += data.length;
      };
      if (channel === '') handle.setMessageCallback(callback, { ownership });
      else handle.setChannelMessageCallback(channel, callback, { ownership });
    }
    handle.setStateCallback((state) => {
      if (state !== 'disconnected' && state !== 'failed') return;
      this.#hasEnded = true;
      this.#hasFailed = state === 'failed';
      if (state === 'disconnected' && !this.#saysGoodbye) this.#checks.expectAll();
    });
  }

  /** Sends for the given time, on some of the channels at once. Then it says goodbye, unless the peer has to. */
  async run(milliseconds: number, saysGoodbye: boolean): Promise<SessionEnd> {
    const end = performance.now() + milliseconds;
    const channels = CHANNELS.filter((channel) => channel === '' || this.#random.once(2));
    await Promise.all(channels.map((channel) => this.#sendOn(channel, end, channels.length)));
    if (saysGoodbye) await this.#sayGoodbye();
    else while (!this.#hasEnded && performance.now() < end + 10_000) await pause(5);
    // The run may have stopped the side that says goodbye. Then this side says it.
    if (!this.#hasEnded) await this.#sayGoodbye();
    // A closed handle reports nothing more.
    const unconfirmed = this.#handle.unconfirmedSends().messages;
    await this.#handle.close();
    return {
      self: this.#seed,
      peer: this.#checks.sender,
      hasFailed: this.#hasFailed,
      saidGoodbye: this.#saysGoodbye,
      sent: this.#sent,
      received: this.#checks.received,
      unconfirmed,
    };
  }

  async #sendOn(channel: string, end: number, streams: number): Promise<void> {
    if (channel !== '' && !(await this.#handle.openChannel(channel)).ok) return;
    let sequence = 0;
    while (performance.now() < end && !this.#hasEnded) {
      const sent = await this.#sendOne(channel, sequence);
      if (sent === 'ended') return;
      if (sent === 'sent') sequence += 1;
      if (this.#random.once(40 / streams)) await pause(this.#random.below(4));
      else if (sequence % 32 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nextOf.set(channel, sequence);
  }

  /** Sends one message in one of all ways. */
  async #sendOne(channel: string, sequence: number): Promise<'sent' | 'refused' | 'ended'> {
    const length = HEADER_BYTES + this.#random.length();
    const way = this.#random.below(channel === '' ? 4 : 2);
    let result: Result<unknown>;
    if (way === 3) {
      const claim = this.#handle.claim(length);
      if (claim.ok) {
        writeMessage(claim.value.bytes, this.#seed, sequence);
        if (this.#random.once(20)) {
          claim.value.abort();
          return 'refused';
        }
        result = claim.value.commit();
      } else result = claim;
    } else {
      const message = new Uint8Array(length);
      writeMessage(message, this.#seed, sequence);
      if (way === 2) result = this.#handle.trySendBatch([message]);
      else if (channel === '') result = way === 0 ? await this.#handle.send(message) : this.#handle.trySend(message);
      else if (way === 0) result = await this.#handle.sendOnChannel(channel, message);
      else result = this.#handle.trySendOnChannel(channel, message);
    }
    if (result.ok) {
      this.#sent += 1;
      this.#totals.sent += 1;
      return 'sent';
    }
    return result.error.code === 'WouldBlock' || result.error.code === 'Timeout' ? 'refused' : 'ended';
  }

  async #sayGoodbye(): Promise<void> {
    const last = new Uint8Array(HEADER_BYTES + 4);
    const sequence = this.#nextOf.get('') ?? 0;
    writeMessage(last, this.#seed, sequence, this.#sent + 1);
    // Only the end of the connection may stop it.
    for (;;) {
      const sent = await this.#handle.send(last);
      if (sent.ok) break;
      if (sent.error.code !== 'Timeout') return;
    }
    this.#sent += 1;
    this.#saysGoodbye = true;
    await this.#handle.disconnect();
  }
}
