import fc from 'fast-check';
import { unwrap, type ConnectionConfig, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { labelOf, messageOf } from '../support/messages.js';
import type { PeerActions } from '../peer/peer-actions.js';
import { DEFAULT_CHANNEL, type Recorder } from '../support/recorder.js';
import { Scope } from '../support/scope.js';
import { until } from '../support/until.js';
import { BOTTLENECKS, openLink, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';

const CHANNELS = ['a', 'b'] as const;
const EVERY_CHANNEL = [DEFAULT_CHANNEL, ...CHANNELS];

type Action =
  | { readonly kind: 'send' | 'trySend' | 'claim' | 'abortClaim'; readonly length: number }
  | { readonly kind: 'sendOnChannel' | 'trySendOnChannel'; readonly channel: string; readonly length: number }
  | { readonly kind: 'trySendBatch'; readonly lengths: readonly number[] }
  | { readonly kind: 'openChannel'; readonly channel: string }
  | { readonly kind: 'peerSend'; readonly lengths: readonly number[] }
  | { readonly kind: 'pauseNear' | 'resumeNear' | 'pauseFar' | 'resumeFar'; readonly channel: string }
  | { readonly kind: 'awaitAll' };

const length = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 32 * 1024 - 80, max: 32 * 1024 + 80 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }) },
);
const channel = fc.constantFrom(...CHANNELS);
const anyChannel = fc.constantFrom(...EVERY_CHANNEL);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('send', 'trySend', 'claim', 'abortClaim'), length }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('sendOnChannel', 'trySendOnChannel'), channel, length }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('trySendBatch'), lengths: fc.array(length, { maxLength: 12 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('openChannel'), channel }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('peerSend'), lengths: fc.array(length, { maxLength: 12 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('pauseNear', 'resumeNear', 'pauseFar', 'resumeFar'),
      channel: anyChannel,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('awaitAll') }) },
);

/** The number of random programs of each combination. Each opens its own connection. */
const RUNS = 8;

/** Contract, DELIVERY, BACKPRESSURE and CHANNEL under random programs. */
export function describeProperty(context: ChapterContext): void {
  describe('random programs', () => {
    for (const [what, config] of BOTTLENECKS) {
      it(`[DELIVERY-4] [BACKPRESSURE-7] [CHANNEL-5] loses, merges, reorders and invents nothing, on any channel, in either direction, through ${what}`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 80 }), (program) =>
            runProgram(context, config, program),
          ),
          { numRuns: RUNS, endOnFailure: false, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: false },
        );
      });
    }
  });
}

async function runProgram(
  context: ChapterContext,
  config: Partial<ConnectionConfig>,
  program: readonly Action[],
): Promise<void> {
  const scope = new Scope();
  try {
    const link = await openLink(context, scope, {
      config: { ...config, sendTimeoutMs: 25_000 },
      peer: { receive: EVERY_CHANNEL.map((name) => ({ channel: name })) },
      prepare: (near) => {
        for (const name of EVERY_CHANNEL) near.receive({ channel: name });
      },
    });
    const run = new ProgramRun(link.local, link.recorder, link.peer);
    for (const step of program) await run.step(step);
    await run.finish();
    await link.local.disconnect();
  } finally {
    await scope.dispose();
  }
}

/** A running program, and the model of the messages that must have arrived at its end. */
class ProgramRun {
  /** By channel, the labels of the accepted messages, in order. */
  readonly #sentNear = new Map<string, string[]>(EVERY_CHANNEL.map((name) => [name, []]));
  readonly #sentFar: string[] = [];
  readonly #open = new Set<string>([DEFAULT_CHANNEL]);
  readonly #waiting = new Set<Promise<unknown>>();
  #farSends: Promise<unknown> = Promise.resolve();
  #seed = 1;

  constructor(
    readonly local: NetworkConnection,
    readonly recorder: Recorder,
    readonly peer: PeerActions,
  ) {}

  async step(step: Action): Promise<void> {
    switch (step.kind) {
      case 'send':
        this.#send(DEFAULT_CHANNEL, step.length);
        break;
      case 'sendOnChannel':
        if (this.#open.has(step.channel)) this.#send(step.channel, step.length);
        else
          expect(codeOf(await this.local.sendOnChannel(step.channel, new Uint8Array(1)))).to.equal('InvalidParameter');
        break;
      case 'trySend':
        this.#trySend(DEFAULT_CHANNEL, step.length);
        break;
      case 'trySendOnChannel':
        if (this.#open.has(step.channel)) this.#trySend(step.channel, step.length);
        break;
      case 'trySendBatch':
        this.#trySendBatch(step.lengths);
        break;
      case 'claim':
        this.#claim(step.length, true);
        break;
      case 'abortClaim':
        this.#claim(step.length, false);
        break;
      case 'openChannel':
        this.#openChannel(step.channel);
        break;
      case 'peerSend':
        this.#peerSend(step.lengths);
        break;
      case 'pauseNear':
        this.recorder.pause(step.channel);
        break;
      case 'resumeNear':
        this.recorder.receive({ channel: step.channel });
        break;
      case 'pauseFar':
        await this.peer.pause(step.channel);
        break;
      case 'resumeFar':
        await this.peer.receive({ channel: step.channel });
        break;
      case 'awaitAll':
        await this.#resumeAll();
        await this.#settle();
        break;
    }
  }

  /** Waits until all messages have arrived, and compares. */
  async finish(): Promise<void> {
    await this.#resumeAll();
    await this.#settle();
    for (const name of EVERY_CHANNEL) {
      const expected = this.#sentNear.get(name)!;
      await until(
        async () => (await this.peer.count(name)) >= expected.length,
        `the peer has the ${expected.length} messages of channel '${name}'`,
        10_000,
      );
      expect([...(await this.peer.labels(name))], `to the peer on '${name}'`).to.deep.equal(expected);
    }
    const tally = this.recorder.tally();
    await until(() => tally.count >= this.#sentFar.length, 'the messages of the peer arrived', 10_000);
    expect(tally.labels, 'from the peer').to.deep.equal(this.#sentFar);
    for (const name of CHANNELS) expect(this.recorder.tally(name).count).to.equal(0);
  }

  #send(name: string, bytes: number): void {
    const message = messageOf(bytes, this.#seed++);
    this.#sentNear.get(name)!.push(labelOf(message));
    const sent = name === DEFAULT_CHANNEL ? this.local.send(message) : this.local.sendOnChannel(name, message);
    message.fill(0);
    this.#await(sent.then(unwrap));
  }

  #trySend(name: string, bytes: number): void {
    const message = messageOf(bytes, this.#seed++);
    const label = labelOf(message);
    const sent = name === DEFAULT_CHANNEL ? this.local.trySend(message) : this.local.trySendOnChannel(name, message);
    message.fill(0);
    if (sent.ok) this.#sentNear.get(name)!.push(label);
    else expect(sent.error.code).to.equal('WouldBlock');
  }

  #trySendBatch(lengths: readonly number[]): void {
    const messages = lengths.map((bytes) => messageOf(bytes, this.#seed++));
    const labels = messages.map(labelOf);
    const sent = this.local.trySendBatch(messages);
    for (const message of messages) message.fill(0);
    if (sent.ok) this.#sentNear.get(DEFAULT_CHANNEL)!.push(...labels.slice(0, sent.value));
    else expect(sent.error.code).to.equal('WouldBlock');
  }

  #claim(bytes: number, isCommitted: boolean): void {
    const claim = this.local.claim(bytes);
    if (!claim.ok) {
      expect(claim.error.code).to.equal('WouldBlock');
      return;
    }
    const message = messageOf(bytes, this.#seed++);
    claim.value.bytes.set(message);
    if (isCommitted) {
      this.#sentNear.get(DEFAULT_CHANNEL)!.push(labelOf(message));
      unwrap(claim.value.commit());
    } else claim.value.abort();
  }

  #openChannel(name: string): void {
    this.#await(this.local.openChannel(name).then(unwrap));
    this.#open.add(name);
  }

  #peerSend(lengths: readonly number[]): void {
    const seed = this.#seed;
    this.#seed += lengths.length;
    for (const [index, bytes] of lengths.entries()) this.#sentFar.push(labelOf(messageOf(bytes, seed + index)));
    // One row after the other, so that the model knows their order.
    this.#farSends = this.#farSends.then(() => this.peer.send({ lengths, seed }, { unawaited: true }));
  }

  #await(promise: Promise<unknown>): void {
    this.#waiting.add(promise);
    // #settle() reads the result. Until then a rejection must not count as unhandled.
    promise.catch(() => undefined);
  }

  async #resumeAll(): Promise<void> {
    for (const name of EVERY_CHANNEL) this.recorder.receive({ channel: name });
    await this.peer.receive(...EVERY_CHANNEL.map((name) => ({ channel: name })));
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#waiting);
    this.#waiting.clear();
    await this.#farSends;
  }
}
