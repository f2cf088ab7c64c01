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

/** The side of a connection: the client called `connect()`. */
export type Side = 'client' | 'server';

/** Both sides. */
export const SIDES: readonly Side[] = ['client', 'server'];

/** The context of a chapter: the transport, the place of the peer, and the near side of the link. */
export interface ChapterContext {
  /** The description of the transport. */
  readonly fixture: TransportFixture;
  /** The capabilities of the transport. */
  readonly capabilities: TransportCapabilities;
  /** The place of the peer. */
  readonly placement: Placement;
  /** The side that the test holds. The peer has the other one. */
  readonly side: Side;
  /** Returns a peer that the tests of this combination share. It starts a new one if a test ended the last one. */
  readonly sharedPeer: () => Promise<PeerHost>;
}

/** A configuration for any transport: the common options, and the size of the medium. */
export interface LinkConfig extends Partial<ConnectionConfig> {
  /** The approximate size of the medium in each direction; see `TransportFixture.mediumOf`. */
  readonly mediumBytes?: number;
}

/** Limits that every transport reaches soon. */
export const SMALL_LIMITS = {
  channelWindow: 64 * 1024,
  mediumBytes: 128 * 1024,
} satisfies LinkConfig;

/** The medium (a ring, a socket's buffer) is full long before a window is used up. */
export const SMALL_MEDIUM = {
  channelWindow: 8 * 1024 * 1024,
  mediumBytes: 64 * 1024,
} satisfies LinkConfig;

/** The two reasons for which a sender may have to wait. */
export const BOTTLENECKS: readonly (readonly [string, LinkConfig])[] = [
  ['a small window', SMALL_LIMITS],
  ['a small ring or buffer', SMALL_MEDIUM],
];

/** The options of a link. */
export interface LinkOptions {
  /** The differences from the fixture's configuration, on both sides. */
  readonly config?: LinkConfig;
  /** Further differences on the near side. */
  readonly localConfig?: LinkConfig;
  /** Further differences on the peer's side. */
  readonly peerConfig?: LinkConfig;
  /** The start of the peer. By default it takes the messages of the default channel. */
  readonly peer?: PeerStart;
  /** A separate peer, for tests that end it. */
  readonly host?: PeerHost;
  /** Runs before a message can arrive. */
  readonly prepare?: (recorder: Recorder) => void;
  /** Whether the near side starts to receive after a server accepted it. @default true */
  readonly startReceiving?: boolean;
}

/** One connection, with the near side in the test. */
export interface Link {
  /** The near end. */
  readonly local: NetworkConnection;
  /** Records the events of the near end. */
  readonly recorder: Recorder;
  /** The actions of the peer. */
  readonly peer: PeerActions;
  /** The host of the peer. */
  readonly host: PeerHost;
  /** The configuration for a later server at the same endpoint. */
  readonly serverConfig: ConnectionConfig;
  /** The configuration with which a client reaches the server. */
  readonly clientConfig: ConnectionConfig;
}

/** Connects the test and a peer. */
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

/** Closes the peer's connections, unless the test has ended the peer. */
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
  /** The near end: the one on the side of the context. */
  readonly near: NetworkConnection;
  readonly far: NetworkConnection;
}

/** Makes a connection with both ends in this thread. Both receive; neither has a callback. */
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

/** A server that listens in this thread, and the values for its clients. */
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

/** Starts a separate peer for the test, in the context's placement. */
export async function ownPeer(context: ChapterContext, scope: Scope): Promise<PeerHost> {
  return scope.add(await startPeerOf(context.fixture, context.placement));
}

/** Starts a peer with the fixture's transport, or the fixture's own kind of peer. */
export async function startPeerOf(fixture: TransportFixture, placement: Placement): Promise<PeerHost> {
  return fixture.startPeer === undefined ? startPeer(placement, fixture.peerModule) : fixture.startPeer();
}

/** The two ends' configurations for one endpoint. */
export interface EndpointConfigs {
  /** The server's configuration. */
  readonly serverConfig: ConnectionConfig;
  /** The client's configuration. A client may reach the same server by another address. */
  readonly clientConfig: ConnectionConfig;
}

/** Returns the configurations for an endpoint without a server, at which a server can listen. */
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

/** Returns a client's configuration for an endpoint without a server. */
export async function unusedEndpoint(context: ChapterContext, scope: Scope): Promise<ConnectionConfig> {
  return (await freeEndpoint(context, scope)).clientConfig;
}

/** Returns the code of `connect()` without a server. */
export function absenceCodeOf(context: ChapterContext): string {
  return context.fixture.absenceCode ?? 'TransportUnavailable';
}

/** Returns `base` with `changes`. The transport's own section is merged. */
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

/** Adds a pending test for a behaviour that can't be tested here, with the reason in its title. */
export function skippedTest(title: string, reason: string): void {
  it(`${title} (skipped: ${reason})`, function () {
    this.skip();
  });
}
