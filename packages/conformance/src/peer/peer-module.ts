/** The module of a transport, for another thread or process. */
export interface PeerModule {
  /** The argument of `import()`. */
  readonly specifier: string;
  /** The name of the exported class. The suite calls its constructor without arguments. */
  readonly className: string;
}
