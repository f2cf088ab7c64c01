/** The instrumentation's name, as SDKs show it. */
export const INSTRUMENTATION = '@entropynet/opentelemetry';

/**
 * The names of attributes: of the semantic conventions of OpenTelemetry where they have one (1.30.0), else of this project.
 */
export const Attribute = {
  /** The code of a `NetworkError`. */
  ErrorType: 'error.type',
  /** The transport: `shared-memory`, `websocket`. */
  Backend: 'entropynet.backend',
  /** The endpoint of the configuration. */
  Endpoint: 'entropynet.endpoint',
  /** A named channel. */
  Channel: 'entropynet.channel',
} as const;
