import { type Complete, defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from 'valibot';

const KIB = 1024;

/** The section `port` of a configuration, as a user writes it. */
export interface PortOptions {
  /** Bytes that may be on their way in each direction. */
  maxInFlightBytes?: number | undefined;
}

/** The section `port`, complete. */
export type PortConfig = Complete<PortOptions>;

declare module '@entropynet/core' {
  interface TransportSections {
    /** Options of the port transport. */
    port?: PortOptions | undefined;
  }

  interface ResolvedTransportSections {
    /** Options of the port transport, complete. */
    readonly port: PortConfig;
  }
}

/** The section's key and its schema, which holds the defaults. */
export const portSection = defineTransportSection({
  optionsKey: 'port',
  optionsSchema: optionSchemas.section({
    maxInFlightBytes: v.optional(optionSchemas.byteCount(32 * KIB, 1024 * KIB), 256 * KIB),
  }),
});
