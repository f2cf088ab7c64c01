/** The TLS session of a connection. */
export interface PeerTls {
  /** Whether this side checked the peer's certificate and trusts it. */
  readonly authorized: boolean;
  /** The version, such as `TLSv1.3`. */
  readonly protocol: string | undefined;
  /** The peer's certificate. Undefined if the peer sent none. */
  readonly certificate: PeerCertificate | undefined;
}

/** A certificate that a peer sent. */
export interface PeerCertificate {
  /** The common name of its subject. Undefined if there is none, or more than one. */
  readonly subject: string | undefined;
  /** Its SHA-256 fingerprint: hexadecimal bytes with colons between them. */
  readonly fingerprint: string;
}

/** The HTTP request with which a client connected, as far as a server keeps it. */
export interface PeerRequest {
  /** Path and query. */
  readonly url: string;
  /** The headers, by name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * The identity of the peer, as far as the transport knows it. The object is frozen, and has the same shape on every transport
 * and at both ends. If a transport does not know a part, the part is absent. The process, its user and its group come from the
 * operating system, so a peer can't forge them. The identity comes from the program's own hook. The certificate is trustworthy
 * only if `tls.authorized` is true. The peer chooses the contents of the request and of `library`.
 *
 * | transport | known parts |
 * | --- | --- |
 * | shared memory | `process`, `user`, `group`, `library`; on Windows `process` and `library` |
 * | WebSocket, at a server | `address`, `request`, `tls` with `wss://`, `identity` if `authenticate` returned one |
 * | WebSocket, at a client | `address`, `tls` with `wss://`; nothing in a page |
 * | NATS | nothing |
 */
export interface ConnectionPeer {
  /** The id of its process on this machine. Absent if the process is in another PID namespace. */
  readonly process?: number;
  /** The effective user id of that process when it connected. */
  readonly user?: number;
  /** The effective group id of that process when it connected. */
  readonly group?: number;
  /** Its language and the version of its library, `c++ 0.1.0` for example: 1 to 20 printable characters of its choice. */
  readonly library?: string;
  /** Its address as `host:port`. Behind a proxy, the address of the proxy. */
  readonly address?: string;
  /** The TLS session. Absent if the connection is not encrypted. */
  readonly tls?: PeerTls;
  /** The value that the hook `authenticate` returned for it. */
  readonly identity?: unknown;
  /** The HTTP request with which it connected to this server. Headers and query may contain secrets. */
  readonly request?: PeerRequest;
}
