import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ConnectionPeer, PeerTls } from '@entropynet/core';

/** The stream below a link: a socket, or another stream of the program, which may lack members of a socket. */
export type LinkStream = Duplex &
  Partial<Pick<Socket, 'ref' | 'unref' | 'bytesRead' | 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>>;

/** The addresses of both ends of a stream, as `host:port`. */
export interface StreamAddresses {
  /** This end. */
  readonly local: string;
  /** The peer's end. */
  readonly remote: string;
}

/** Returns the addresses of both ends of a stream. Undefined if it has none, or has ended. */
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

/** Returns `host:port`. An IPv4 address has the same form at both ends, even if one end has an IPv6 socket. */
function addressOf(host: string, port: number | undefined): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return `${plain.includes(':') ? `[${plain}]` : plain}:${port ?? 0}`;
}

function peerTlsOf(socket: TLSSocket): PeerTls {
  const shown = socket.getPeerCertificate();
  const hasOne = Object.keys(shown).length > 0;
  // It is a list if there are several names. The types of Node.js do not say so.
  const name: unknown = hasOne ? shown.subject.CN : undefined;
  return Object.freeze({
    authorized: socket.authorized,
    protocol: socket.getProtocol() ?? undefined,
    certificate: hasOne
      ? Object.freeze({ subject: typeof name === 'string' ? name : undefined, fingerprint: shown.fingerprint256 })
      : undefined,
  });
}
