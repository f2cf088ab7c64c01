/** The instrumentation's name, as SDKs show it. */
export const INSTRUMENTATION = '@entropynet/opentelemetry';

/**
 * The names of attributes. They are those of the semantic conventions of OpenTelemetry (1.30.0) if there is one,
 * otherwise those of this project.
 */
export const Attribute = {
  /** The code of a `NetworkError`. */
  ErrorType: 'error.type',
  /** The transport: `shared-memory`, `websocket`, `nats`. */
  Backend: 'entropynet.backend',
  /** The endpoint of the configuration, without user information and query. */
  Endpoint: 'entropynet.endpoint',
  /** The host of an address, or the name of a server on this machine. */
  ServerAddress: 'server.address',
  /** The port of an address. */
  ServerPort: 'server.port',
  /** `transmit` or `receive`. */
  Direction: 'network.io.direction',
  /** The names of the fields that were left out of a request's metadata. */
  DroppedFields: 'entropynet.trace.fields',
  /** A named channel. */
  Channel: 'entropynet.channel',
} as const;
