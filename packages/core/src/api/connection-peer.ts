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
  /** The common name of its subject. */
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
 * What a transport knows of the peer, the same shape on every transport; a part that a transport does not know is left out.
 * Numbers and user names of a process come from the operating system, the rest from the peer or its request.
 */
export interface ConnectionPeer {
  /** The id of its process, on this machine. */
  readonly process?: number;
  /** The user of that process, as a number of the system. */
  readonly user?: number;
  /** The group of that process, as a number of the system. */
  readonly group?: number;
  /** Its address as `host:port`, or that of a proxy before it. */
  readonly address?: string;
  /** How the connection is encrypted. */
  readonly tls?: PeerTls;
  /** What the hook `authenticate` returned for it. */
  readonly identity?: unknown;
  /** The request by which it came to this server. */
  readonly request?: PeerRequest;
}
