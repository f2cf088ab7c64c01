import {
  unwrap,
  type ConnectionConfig,
  type ConnectionServer,
  type NetworkConnection,
  type TransportCapabilities,
} from '@entropynet/core';
import type { PeerActions, PeerStart } from './peer/peer-actions.js';
import { startPeer, type PeerHost, type Placement } from './peer/peer-host.js';
import { Recorder } from './support/recorder.js';
import type { Scope } from './support/scope.js';
import type { TransportFixture } from './transport-fixture.js';

/** Who called `connect()`. */
export type Side = 'client' | 'server';

/** Both sides. */
export const SIDES: readonly Side[] = ['client', 'server'];

/** What a chapter gets: the transport, where the peer runs and which side of the link is the near one. */
export interface ChapterContext {
  /** How connections and servers of the transport are made. */
  readonly fixture: TransportFixture;
  /** Those of the transport. */
  readonly capabilities: TransportCapabilities;
  /** Where the peer runs. */
  readonly placement: Placement;
  /** The side that the test holds; the other one is the peer's. */
  readonly side: Side;
  /** A peer that the tests of this combination share; made anew where a test ended it. */
  readonly sharedPeer: () => Promise<PeerHost>;
}

/** A configuration of any transport: what all have in common, and how much the medium holds. */
export interface LinkConfig extends Partial<ConnectionConfig> {
  /** About so many bytes in each direction; see `TransportFixture.mediumOf`. */
  readonly mediumBytes?: number;
}

/** Limits that are reached soon, whatever the transport. */
export const SMALL_LIMITS = {
  channelWindow: 64 * 1024,
  mediumBytes: 128 * 1024,
} satisfies LinkConfig;

/** The medium (a ring, a socket's buffer) is full long before any window is used up. */
export const SMALL_MEDIUM = {
  channelWindow: 8 * 1024 * 1024,
  mediumBytes: 64 * 1024,
} satisfies LinkConfig;

/** Both reasons for which a sender may have to wait. */
export const BOTTLENECKS: readonly (readonly [string, LinkConfig])[] = [
  ['a small window', SMALL_LIMITS],
  ['a small ring or buffer', SMALL_MEDIUM],
];

/** How a link is made. */
export interface LinkOptions {
  /** What differs from the fixture's configuration, on both sides. */
  readonly config?: LinkConfig;
  /** What differs further on the near side. */
  readonly localConfig?: LinkConfig;
  /** What differs further on the peer's side. */
  readonly peerConfig?: LinkConfig;
  /** How the peer starts; by default it takes the messages of the default channel. */
  readonly peer?: PeerStart;
  /** A peer of its own, for tests that end it. */
  readonly host?: PeerHost;
  /** Runs before anything can arrive. */
  readonly prepare?: (recorder: Recorder) => void;
  /** Whether the near side starts to receive where it was accepted. @default true */
  readonly startReceiving?: boolean;
}

/** One connection, seen from the near side. */
export interface Link {
  /** The near end. */
  readonly local: NetworkConnection;
  /** Writes down what the near end reports. */
  readonly recorder: Recorder;
  /** What the peer can be told to do. */
  readonly peer: PeerActions;
  /** Where the peer runs. */
  readonly host: PeerHost;
  /** To listen where the server does, after it. */
  readonly serverConfig: ConnectionConfig;
  /** With which a client reaches the server. */
  readonly clientConfig: ConnectionConfig;
}

/** A connection between the test and a peer, connected. */
export async function openLink(context: ChapterContext, scope: Scope, options: LinkOptions = {}): Promise<Link> {
  const host = options.host ?? (await context.sharedPeer());
  const peer = host.actions;
  scope.defer(() => resetPeer(host));
  const start = options.peer ?? { receive: [{}] };
  const common = mergeConfig(context.fixture, context.fixture.freshConfig(), options.config);
  const localConfig = mergeConfig(context.fixture, common, options.localConfig);
  const peerConfig = mergeConfig(context.fixture, common, options.peerConfig);
  const transport = context.fixture.createTransport();

  if (context.side === 'client') {
    const address = await peer.listen(peerConfig);
    const clientConfig = context.fixture.clientConfig(localConfig, address);
    const local = scope.add(transport.createConnection(clientConfig));
    const recorder = new Recorder(local);
    options.prepare?.(recorder);
    const accepted = peer.accept(start);
    unwrap(await local.connect());
    await accepted;
    return { local, recorder, peer, host, serverConfig: { ...peerConfig, endpoint: address }, clientConfig };
  }

  const server = scope.add(transport.createServer(localConfig));
  unwrap(await server.listen());
  const address = server.address()!;
  const clientConfig = context.fixture.clientConfig(peerConfig, address);
  const connected = peer.connect(clientConfig, start);
  const local = scope.add(unwrap(await server.accept()));
  const recorder = new Recorder(local);
  options.prepare?.(recorder);
  if (options.startReceiving !== false) local.startReceiving();
  const outcome = await connected;
  if (outcome !== 'ok') throw new Error(`the peer could not connect: ${outcome}`);
  return { local, recorder, peer, host, serverConfig: { ...localConfig, endpoint: address }, clientConfig };
}

/** Closes what the peer has open, unless it is dead or dying by the test's own doing. */
async function resetPeer(host: PeerHost): Promise<void> {
  try {
    if (host.isAlive) await host.actions.reset();
  } catch (failure) {
    if (host.isAlive) throw failure;
  }
}

/** Both ends of one connection, in this thread. */
export interface Pair {
  readonly client: NetworkConnection;
  readonly accepted: NetworkConnection;
  readonly listener: ConnectionServer;
  /** The end that `side` names. */
  readonly near: NetworkConnection;
  readonly far: NetworkConnection;
}

/** A connection with both ends at hand. Both receive; neither has a callback. */
export async function openPair(context: ChapterContext, scope: Scope, config?: LinkConfig): Promise<Pair> {
  const { listener, clientConfig } = await openListener(context, scope, config);
  const client = scope.add(context.fixture.createTransport().createConnection(clientConfig));
  const accepting = listener.accept();
  unwrap(await client.connect());
  const accepted = scope.add(unwrap(await accepting));
  accepted.startReceiving();
  const [near, far] = context.side === 'client' ? [client, accepted] : [accepted, client];
  return { client, accepted, listener, near, far };
}

/** A server that listens in this thread, and what its clients use. */
export async function openListener(
  context: ChapterContext,
  scope: Scope,
  config?: LinkConfig,
): Promise<{ listener: ConnectionServer; serverConfig: ConnectionConfig; clientConfig: ConnectionConfig }> {
  const serverConfig = mergeConfig(context.fixture, context.fixture.freshConfig(), config);
  const listener = scope.add(context.fixture.createTransport().createServer(serverConfig));
  unwrap(await listener.listen());
  return { listener, serverConfig, clientConfig: context.fixture.clientConfig(serverConfig, listener.address()!) };
}

/** A peer of the test's own, in the context's placement. */
export async function ownPeer(context: ChapterContext, scope: Scope): Promise<PeerHost> {
  return scope.add(await startPeerOf(context.fixture, context.placement));
}

/** A peer that uses the fixture's transport, or the fixture's own kind of peer. */
export async function startPeerOf(fixture: TransportFixture, placement: Placement): Promise<PeerHost> {
  return fixture.startPeer === undefined ? startPeer(placement, fixture.peerModule) : fixture.startPeer();
}

/** The two ends' configurations for one endpoint. */
export interface EndpointConfigs {
  /** To listen on it. */
  readonly serverConfig: ConnectionConfig;
  /** To connect to it. A client may reach the same server by another address. */
  readonly clientConfig: ConnectionConfig;
}

/** The configurations for an endpoint that nobody listens on now, though a server can. */
export async function freeEndpoint(context: ChapterContext, scope: Scope): Promise<EndpointConfigs> {
  if (context.fixture.isClientOnly === true) {
    const { actions } = await context.sharedPeer();
    const config = context.fixture.freshConfig();
    const address = await actions.listen(config);
    await actions.closeServer();
    return {
      serverConfig: { ...config, endpoint: address },
      clientConfig: context.fixture.clientConfig(config, address),
    };
  }
  const { listener, serverConfig, clientConfig } = await openListener(context, scope);
  const endpoint = listener.address()!;
  unwrap(await listener.close());
  return { serverConfig: { ...serverConfig, endpoint }, clientConfig };
}

/** A client's configuration for an endpoint that nobody listens on. */
export async function unusedEndpoint(context: ChapterContext, scope: Scope): Promise<ConnectionConfig> {
  return (await freeEndpoint(context, scope)).clientConfig;
}

/** What `connect()` gives where nobody listens. */
export function absenceCodeOf(context: ChapterContext): string {
  return context.fixture.absenceCode ?? 'TransportUnavailable';
}

/** `base` with what `changes` says otherwise; the transport's own section is merged. */
export function mergeConfig(
  fixture: TransportFixture,
  base: ConnectionConfig,
  changes: LinkConfig = {},
): ConnectionConfig {
  const { mediumBytes, ...rest } = changes;
  const medium = mediumBytes === undefined ? {} : (fixture.mediumOf?.(mediumBytes) ?? {});
  const key = fixture.createTransport().optionsKey ?? 'transportOptions';
  const sections = [base, medium, rest].map((config) => Reflect.get(config, key) as object | undefined);
  const merged = { ...base, ...medium, ...rest };
  if (sections.every((section) => section === undefined)) return merged;
  return { ...merged, [key]: Object.assign({}, ...sections) as object };
}

/** A behaviour that can't be shown here: pending, with the reason in its title. */
export function skippedTest(title: string, reason: string): void {
  it(`${title} (skipped: ${reason})`, function () {
    this.skip();
  });
}
