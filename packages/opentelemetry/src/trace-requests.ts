import type { NetworkError } from '@entropynet/core';
import type { RequestContext, RequestHandler, RequestOptions, RequestReply } from '@entropynet/messaging';
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { Attribute, INSTRUMENTATION } from './names.js';

/** Options of `traceRequests`. */
export interface TraceRequestsOptions {
  /** @default the one that is registered */
  readonly tracerProvider?: TracerProvider;
  /** An attribute of all spans: the channel that the requests go over. @default 'requests' */
  readonly channel?: string;
}

/** The part of a `RequestReply` that is traced. */
export type TracedRequests<Request, Reply> = Pick<RequestReply<Request, Reply>, 'request' | 'handle'>;

/**
 * The same requests with spans: one for each that this side asks, and one for each that its handler answers, inside of which
 * the handler runs. The trace goes to the peer in the request's metadata, by the propagator that is registered: a peer
 * that traces too continues it.
 */
export function traceRequests<Request, Reply>(
  requests: TracedRequests<Request, Reply>,
  options: TraceRequestsOptions = {},
): TracedRequests<Request, Reply> {
  const tracer = (options.tracerProvider ?? trace).getTracer(INSTRUMENTATION);
  const attributes = { [Attribute.Channel]: options.channel ?? 'requests' };
  return {
    request: (value, requestOptions) =>
      tracer.startActiveSpan('entropynet request', { kind: SpanKind.CLIENT, attributes }, async (span) => {
        const result = await requests.request(value, withTrace(requestOptions));
        end(span, result.ok ? undefined : result.error);
        return result;
      }),
    handle: (handler) => {
      requests.handle(handler === null ? null : tracedHandler(tracer, attributes, handler));
    },
  };
}

function withTrace(options: RequestOptions = {}): RequestOptions {
  const carrier: Record<string, string> = { ...options.metadata };
  propagation.inject(context.active(), carrier);
  return Object.keys(carrier).length === 0 ? options : { ...options, metadata: carrier };
}

function tracedHandler<Request, Reply>(
  tracer: Tracer,
  attributes: Readonly<Record<string, string>>,
  handler: RequestHandler<Request, Reply>,
): RequestHandler<Request, Reply> {
  return (request: Request, requestContext: RequestContext): Promise<Reply> => {
    const parent = propagation.extract(context.active(), requestContext.metadata);
    return tracer.startActiveSpan('entropynet handle', { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
      try {
        const reply = await handler(request, requestContext);
        end(span);
        return reply;
      } catch (error) {
        span.recordException(error instanceof Error ? error : String(error));
        span.setAttribute(Attribute.ErrorType, 'CallbackFailed');
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
        throw error;
      }
    });
  };
}

function end(span: Span, error?: NetworkError): void {
  if (error !== undefined) {
    span.setAttribute(Attribute.ErrorType, error.code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }
  span.end();
}
