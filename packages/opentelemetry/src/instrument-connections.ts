import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type BackpressureDiagnostics,
  checkOptions,
  type ConnectionDiagnostics,
  DiagnosticsChannel,
  type FailureDiagnostics,
  type NetworkConnection,
  NetworkError,
  redactEndpoint,
  redactText,
} from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import {
  type Attributes,
  metrics,
  type MeterProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type TracerProvider,
} from '@opentelemetry/api';
import { Attribute, INSTRUMENTATION } from './names.js';
import { METER_PROVIDER, TRACER_PROVIDER } from './providers.js';
import { safely } from './safely.js';
import { serverAttributes } from './server-attributes.js';

/** Options of `instrumentConnections`. */
export interface ConnectionTelemetryOptions {
  /** The provider of tracers. @default the registered one */
  readonly tracerProvider?: TracerProvider;
  /** The provider of meters. @default the registered one */
  readonly meterProvider?: MeterProvider;
}

const OPTIONS = { tracerProvider: TRACER_PROVIDER, meterProvider: METER_PROVIDER } as const;

const ABORTED = 'connecting was aborted';
const MOST_CHARACTERS = 1000;

interface Attempt {
  /** Undefined if the provider of tracers threw: the metrics still count the attempt. */
  readonly span: Span | undefined;
  readonly startedAt: number;
  /** The attributes of the histogram of durations, besides the outcome. */
  readonly attributes: Attributes;
}

/**
 * Records a span for each attempt of a client to connect; its parent is the span that was active at its beginning. It
 * also records metrics of all connections of this process: the duration of connecting, failures, and sends that had to
 * wait. It subscribes to EntropyNet's diagnostics channels, and calls no method of a connection. What a provider throws
 * goes to OpenTelemetry's diagnostic logger.
 *
 * @returns a function that stops the recording and ends open spans
 */
export function instrumentConnections(options: ConnectionTelemetryOptions = {}): () => void {
  checkOptions('instrumentConnections()', options, OPTIONS);
  const tracer = (options.tracerProvider ?? trace).getTracer(INSTRUMENTATION);
  const meter = (options.meterProvider ?? metrics).getMeter(INSTRUMENTATION);
  const duration = meter.createHistogram('entropynet.connect.duration', {
    unit: 's',
    description: 'Duration of an attempt to connect.',
    advice: {
      explicitBucketBoundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    },
  });
  const failures = meter.createCounter('entropynet.failures', {
    unit: '{failure}',
    description: 'Connections and attempts to connect that failed.',
  });
  const waits = meter.createCounter('entropynet.backpressure', {
    unit: '{wait}',
    description: 'How often a message had to wait or was refused, counted once until there was room again.',
  });
  const attempts = new Map<NetworkConnection | undefined, Attempt>();

  const begin = (connection: NetworkConnection | undefined, backend: string, endpoint: string): void => {
    const attributes = { [Attribute.Backend]: backend, ...serverAttributes(endpoint) };
    const span = safely(() =>
      tracer.startSpan('entropynet connect', {
        kind: SpanKind.CLIENT,
        attributes: { ...attributes, [Attribute.Endpoint]: redactEndpoint(endpoint) },
      }),
    );
    attempts.set(connection, { span, startedAt: monotonicNow(), attributes });
  };
  const finish = (connection: NetworkConnection | undefined, error?: NetworkError): void => {
    const attempt = attempts.get(connection);
    if (attempt === undefined) return;
    attempts.delete(connection);
    // Each call alone: a span that throws must not take the metrics with it.
    safely(() => {
      if (error !== undefined) {
        attempt.span?.setAttribute(Attribute.ErrorType, error.code);
        attempt.span?.setStatus({ code: SpanStatusCode.ERROR, message: redactText(error.message, MOST_CHARACTERS) });
      }
      attempt.span?.end();
    });
    safely(() => {
      duration.record((monotonicNow() - attempt.startedAt) / 1000, {
        ...attempt.attributes,
        ...(error !== undefined && { [Attribute.ErrorType]: error.code }),
      });
    });
  };

  const listeners: readonly (readonly [DiagnosticsChannel, (message: unknown) => void])[] = [
    [
      DiagnosticsChannel.Connecting,
      (message) => {
        const { connection, backend, endpoint } = message as ConnectionDiagnostics;
        begin(connection, backend, endpoint);
      },
    ],
    [
      DiagnosticsChannel.Connect,
      (message) => {
        finish((message as ConnectionDiagnostics).connection);
      },
    ],
    [
      DiagnosticsChannel.Disconnect,
      (message) => {
        // An open attempt has never been `connected`: `disconnect()` or a signal ended it.
        finish((message as ConnectionDiagnostics).connection, new NetworkError('Aborted', ABORTED));
      },
    ],
    [
      DiagnosticsChannel.Failure,
      (message) => {
        const { connection, backend, endpoint, error } = message as FailureDiagnostics;
        // A failed probe is an attempt, too, but without a connection.
        if (connection === undefined) begin(undefined, backend, endpoint);
        finish(connection, error);
        failures.add(1, { [Attribute.Backend]: backend, [Attribute.ErrorType]: error.code });
      },
    ],
    [
      DiagnosticsChannel.Backpressure,
      (message) => {
        const { backend } = message as BackpressureDiagnostics;
        waits.add(1, { [Attribute.Backend]: backend });
      },
    ],
  ];
  // Node.js ends a process in which the subscriber of a channel throws.
  const subscribed = listeners.map(([channel, listener]) => {
    const subscriber = (message: unknown): void => {
      safely(() => {
        listener(message);
      });
    };
    return [channel, subscriber] as const;
  });
  for (const [channel, listener] of subscribed) subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of subscribed) unsubscribe(channel, listener);
    for (const { span } of attempts.values()) {
      safely(() => {
        span?.end();
      });
    }
    attempts.clear();
  };
}
