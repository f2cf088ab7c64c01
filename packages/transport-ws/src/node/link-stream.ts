import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ConnectionPeer, PeerTls } from '@entropynet/core';

/** The stream below a link: a socket, or what a program has in its place, which knows less. */
export type LinkStream = Duplex &
  Partial<Pick<Socket, 'ref' | 'unref' | 'bytesRead' | 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>>;

/** Where a stream goes, as `host:port`. */
export interface StreamAddresses {
  /** This end. */
  readonly local: string;
  /** The peer's end. */
  readonly remote: string;
}

/** The addresses of both ends of a stream; undefined where it has none, or has ended. */
export function addressesOf(stream: LinkStream): StreamAddresses | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = stream;
  if (localAddress === undefined || remoteAddress === undefined) return undefined;
  return { local: addressOf(localAddress, localPort), remote: addressOf(remoteAddress, remotePort) };
}

/** The identity of the peer, as far as the stream knows it. */
export function peerOf(stream: LinkStream): Pick<ConnectionPeer, 'address' | 'tls'> {
  const address = addressesOf(stream)?.remote;
  const tls = stream instanceof TLSSocket ? peerTlsOf(stream) : undefined;
  return { ...(address !== undefined && { address }), ...(tls !== undefined && { tls }) };
}

/** An IPv4 address is written the same way at both ends, also where one end has an IPv6 socket. */
function addressOf(host: string, port: number | undefined): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return `${plain.includes(':') ? `[${plain}]` : plain}:${port ?? 0}`;
}

function peerTlsOf(socket: TLSSocket): PeerTls {
  const shown = socket.getPeerCertificate();
  const hasOne = Object.keys(shown).length > 0;
  // A list where there are several: Node.js' types know one.
  const name: unknown = hasOne ? shown.subject.CN : undefined;
  return Object.freeze({
    authorized: socket.authorized,
    protocol: socket.getProtocol() ?? undefined,
    certificate: hasOne
      ? Object.freeze({ subject: typeof name === 'string' ? name : undefined, fingerprint: shown.fingerprint256 })
      : undefined,
  });
}
