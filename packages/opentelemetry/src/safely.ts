import { diag } from '@opentelemetry/api';

/**
 * Calls functions of a provider, and returns what `work` returns. What it throws goes to OpenTelemetry's diagnostic
 * logger, and the result is undefined: a sampler or a span processor that throws must end no process and no request.
 */
export function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    diag.error('entropynet: a provider of telemetry threw; the measurement is lost', error);
    return undefined;
  }
}
