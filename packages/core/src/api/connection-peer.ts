/** The TLS of a connection, as it was agreed. */
export interface PeerTls {
  /** Whether the peer's certificate was checked and trusted. */
  readonly authorized: boolean;
  /** Such as `TLSv1.3`. */
  readonly protocol: string | undefined;
  /** The peer's certificate; undefined where it showed none. */
  readonly certificate: PeerCertificate | undefined;
}

/** A certificate that a peer showed. */
export interface PeerCertificate {
  /** The common name of its subject; undefined where there is none, or more than one. */
  readonly subject: string | undefined;
  /** Its SHA-256 fingerprint. */
  readonly fingerprint: string;
}

/** The request by which a client came, as far as a server keeps it. */
export interface PeerRequest {
  /** Path and query. */
  readonly url: string;
  /** The headers, by name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * What a transport knows of the peer, the same shape on every transport, at both ends; frozen. A part that a transport does
 * not know is left out, and never guessed. The process, its user and its group are the operating system's word, the
 * identity is that of the program's own hook, the certificate was checked where `tls.authorized` says so; the request is the
 * peer's own word.
 *
 * | transport | what it knows |
 * | --- | --- |
 * | shared memory | `process`, `user`, `group`; on Windows the process alone |
 * | WebSocket, at a server | `address`, `request`, `tls` with `wss://`, `identity` where `authenticate` gave one |
 * | WebSocket, at a client | `address`, `tls` with `wss://`; nothing in a page |
 */
export interface ConnectionPeer {
  /** The id of its process, on this machine; absent where that is of another namespace of processes. */
  readonly process?: number;
  /** The effective user of that process, as a number of the system, when the connection was made. */
  readonly user?: number;
  /** The effective group of that process, as a number of the system, when the connection was made. */
  readonly group?: number;
  /** Its address as `host:port`, or that of a proxy before it. */
  readonly address?: string;
  /** How the connection is encrypted. */
  readonly tls?: PeerTls;
  /** What the hook `authenticate` returned for it. */
  readonly identity?: unknown;
  /** The request by which it came to this server. Headers and query may hold secrets. */
  readonly request?: PeerRequest;
}
