import type { OptionKind } from '@entropynet/core';

/** The option that names a provider of tracers. */
export const TRACER_PROVIDER: OptionKind = ['a TracerProvider', (value: unknown): boolean => has(value, 'getTracer')];

/** The option that names a provider of meters. */
export const METER_PROVIDER: OptionKind = ['a MeterProvider', (value: unknown): boolean => has(value, 'getMeter')];

function has(value: unknown, method: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function';
}
