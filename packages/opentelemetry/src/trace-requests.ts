import { checkOptions, describeThrown, kindOf, type NetworkError, printable, redactText } from '@entropynet/core';
import {
  MAX_METADATA_BYTES,
  type RequestContext,
  type RequestHandler,
  type RequestMetadata,
  type RequestOptions,
  type RequestReply,
} from '@entropynet/messaging';
import {
  context,
  type Context,
  diag,
  INVALID_SPAN_CONTEXT,
  propagation,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { Attribute, INSTRUMENTATION } from './names.js';
import { TRACER_PROVIDER } from './providers.js';
import { safely } from './safely.js';

/** Options of `traceRequests`. */
export interface TraceRequestsOptions {
  /** The provider of tracers. @default the registered one */
  readonly tracerProvider?: TracerProvider;
  /** The channel of the requests, an attribute of all spans. @default 'requests' */
  readonly channel?: string;
}

const OPTIONS = { tracerProvider: TRACER_PROVIDER, channel: 'a string' } as const;

/** The largest number of characters of a message, and of a line of a stack. */
const MOST_CHARACTERS = 1000;
/** The largest number of characters of a stack. */
const MOST_STACK = 10_000;

/** The methods of a `RequestReply` that are traced. */
export type TracedRequests<Request, Reply, InRequest = Request, InReply = Reply> = Pick<
  RequestReply<Request, Reply, InRequest, InReply>,
  'request' | 'handle'
>;

/**
 * Returns the same requests with spans: one for each request of this side, and one for each call of its handler, which
 * runs inside the span. The registered propagator writes the trace into the request's metadata. If the peer traces too,
 * it continues the trace. A provider that throws makes no request fail: OpenTelemetry's diagnostic logger gets the error.
 */
export function traceRequests<Request, Reply, InRequest = Request, InReply = Reply>(
  requests: TracedRequests<Request, Reply, InRequest, InReply>,
  options: TraceRequestsOptions = {},
): TracedRequests<Request, Reply, InRequest, InReply> {
  checkOptions('traceRequests()', options, OPTIONS);
  const given: unknown = requests;
  const { request, handle } = (given as { request?: unknown; handle?: unknown } | null | undefined) ?? {};
  if (typeof request !== 'function' || typeof handle !== 'function')
    throw new TypeError(`traceRequests() takes what requestReply() resolved with; ${kindOf(requests)} was given`);
  const tracer = (options.tracerProvider ?? trace).getTracer(INSTRUMENTATION);
  const attributes = { [Attribute.Channel]: options.channel ?? 'requests' };
  return {
    request: (value, requestOptions) =>
      inSpan(tracer, 'entropynet request', { kind: SpanKind.CLIENT, attributes }, context.active(), async (span) => {
        try {
          const result = await requests.request(value, withTrace(span, requestOptions));
          end(span, result.ok ? undefined : result.error);
          return result;
        } catch (error) {
          endThrown(span, error);
          throw error;
        }
      }),
    handle: (handler) => {
      // Another value goes on unchanged: handle() accepts or refuses it.
      requests.handle(typeof handler === 'function' ? tracedHandler(tracer, attributes, handler) : handler);
    },
  };
}

/** Runs `work` in a new span; without one if the provider throws. */
function inSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  parent: Context,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = safely(() => tracer.startSpan(name, options, parent));
  if (span === undefined) return context.with(parent, work, undefined, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  return context.with(trace.setSpan(parent, span), work, undefined, span);
}

/**
 * Adds the trace to the metadata of the options. Tracing must not make a request fail: it leaves out fields that do not
 * fit beside the caller's own metadata, the longest first, which is usually baggage, and logs a diagnostic.
 */
function withTrace(span: Span, options: RequestOptions = {}): RequestOptions {
  // Adding fields would hide a wrong value, which request() refuses.
  if (!isPlain(options) || (options.metadata !== undefined && !hasTexts(options.metadata))) return options;
  const carrier: Record<string, string> = {};
  try {
    propagation.inject(context.active(), carrier);
  } catch (error) {
    diag.warn('entropynet: the propagator failed; the request goes without its trace', error);
    return options;
  }
  const { metadata } = options;
  const fields = Object.entries(carrier).sort(([, left], [, right]) => left.length - right.length);
  const dropped: string[] = [];
  while (fields.length > 0 && !fits({ ...metadata, ...Object.fromEntries(fields) }))
    dropped.push(fields.pop()?.[0] ?? '');
  if (dropped.length > 0) {
    safely(() => span.addEvent('entropynet.trace.dropped', { [Attribute.DroppedFields]: dropped }));
    diag.warn(
      `entropynet: ${dropped.join(', ')} left out of a request: its metadata has at most ${MAX_METADATA_BYTES} bytes as JSON`,
    );
  }
  return fields.length === 0 ? options : { ...options, metadata: { ...metadata, ...Object.fromEntries(fields) } };
}

function isPlain(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Object]';
}

function hasTexts(metadata: RequestMetadata): boolean {
  return isPlain(metadata) && Object.values(metadata).every((text: unknown) => typeof text === 'string');
}

function fits(metadata: RequestMetadata): boolean {
  return Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES;
}

/** Returns the context from the peer; the active one if the propagator can't read it. */
function contextOf(metadata: RequestMetadata): Context {
  try {
    return propagation.extract(context.active(), metadata);
  } catch (error) {
    diag.warn('entropynet: the propagator could not read the metadata of a request', error);
    return context.active();
  }
}

function tracedHandler<Request, Reply>(
  tracer: Tracer,
  attributes: Readonly<Record<string, string>>,
  handler: RequestHandler<Request, Reply>,
): RequestHandler<Request, Reply> {
  return (request: Request, requestContext: RequestContext): Promise<Reply> => {
    const parent = contextOf(requestContext.metadata);
    return inSpan(tracer, 'entropynet handle', { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
      try {
        const reply = await handler(request, requestContext);
        end(span);
        return reply;
      } catch (error) {
        endThrown(span, error);
        throw error;
      }
    });
  };
}

function end(span: Span, error?: NetworkError): void {
  safely(() => {
    if (error !== undefined) {
      span.setAttribute(Attribute.ErrorType, error.code);
      span.setStatus({ code: SpanStatusCode.ERROR, message: redactText(error.message) });
    }
    span.end();
  });
}

/** Ends the span of a call that threw. The trace leaves this process, so addresses in it show no password. */
function endThrown(span: Span, error: unknown): void {
  const stack = textIn(error, 'stack');
  safely(() => {
    span.recordException({
      name: redactText(textIn(error, 'name') ?? 'Error'),
      message: printable(describeThrown(error), MOST_CHARACTERS),
      ...(stack !== undefined && { stack: redactedLines(stack) }),
    });
    span.setAttribute(Attribute.ErrorType, 'CallbackFailed');
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
}

function redactedLines(stack: string): string {
  const lines = stack.slice(0, MOST_STACK).split('\n');
  return lines.map((line) => redactText(line, MOST_CHARACTERS)).join('\n');
}

/** Reads a member of a thrown value, which may be no error, or of another realm, or refuse to be read. */
function textIn(error: unknown, key: 'name' | 'stack'): string | undefined {
  try {
    const text = (error as Readonly<Record<string, unknown>> | null | undefined)?.[key];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
