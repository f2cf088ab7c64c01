import {
  checkConnection,
  checkOptions,
  kindOf,
  type NetworkConnection,
  NetworkError,
  type Transport,
} from '@entropynet/core';
import { warningGuard } from '@entropynet/core/handle';

/** Options of a manager. */
export interface ConnectionManagerOptions {
  /**
   * The largest number of connections. Accepted connections that have ended do not count. When the manager is full, its
   * servers refuse clients with `ResourceLimitExceeded`.
   * @default 1024
   */
  readonly capacity?: number;
  /**
   * A function that gets one line when a connection or a server did not get the first transport of its configuration.
   * If it throws or its promise rejects, a warning of the process follows.
   * @default a function that writes the line to standard error
   */
  readonly log?: (line: string) => unknown;
}

/** The inversify identifier of `ConnectionManagerOptions`. */
export const CONNECTION_MANAGER_OPTIONS = Symbol.for('@entropynet/manager/ConnectionManagerOptions');

const OPTIONS = { capacity: 'a number', log: 'a function' } as const;

const DEFAULT_CAPACITY = 1024;
const MAX_CAPACITY = 65_536;

/**
 * Checks the arguments of a manager's constructor and returns complete options. The returned `log` never throws. Throws
 * a `NetworkError` (`InvalidParameter`) for a wrong argument.
 */
export function checkManagerArguments(
  transports: readonly Transport[],
  options: ConnectionManagerOptions | undefined,
): Required<ConnectionManagerOptions> {
  checkOptions('ConnectionManager', options, OPTIONS);
  checkTransports(transports);
  const capacity = options?.capacity ?? DEFAULT_CAPACITY;
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) {
    throw new NetworkError(
      'InvalidParameter',
      `'capacity' was given ${capacity}; a whole number from 1 to ${MAX_CAPACITY} is allowed`,
    );
  }
  const twice = transports.find(
    ({ backend }, index) => transports.findIndex((other) => other.backend === backend) !== index,
  );
  if (twice !== undefined)
    throw new NetworkError(
      'InvalidParameter',
      `two transports with the backend '${twice.backend}' were given; one is allowed`,
    );
  return { capacity, log: guarded(options?.log ?? writeToStandardError) };
}

/** Throws a `TypeError` unless it is a connection of a transport. It may come from another copy of the package. */
export function checkAdopted(connection: NetworkConnection): void {
  checkConnection('adoptConnection()', connection);
  if (typeof (connection as Partial<NetworkConnection>).observe === 'function') return;
  throw new TypeError(`adoptConnection() takes a connection of a transport; ${kindOf(connection)} was given`);
}

/** Throws a `NetworkError` (`InvalidParameter`) unless it is a list of transports. */
function checkTransports(transports: readonly Transport[]): void {
  const isTransport = (each: Partial<Transport> | null | undefined): boolean =>
    typeof each?.createConnection === 'function';
  const isList: boolean = Array.isArray(transports);
  const index = isList ? transports.findIndex((each) => !isTransport(each)) : -1;
  if (isList && index < 0) return;
  const given = isList ? `a list with ${kindOf(transports[index])}` : kindOf(transports);
  throw new NetworkError('InvalidParameter', `ConnectionManager takes a list of transports; ${given} was given`);
}

/** Calls a function of the program. If it throws or rejects, its line is lost, and no connection suffers. */
function guarded(log: (line: string) => unknown): (line: string) => void {
  return (line) => {
    logGuard.run(log, line);
  };
}

const logGuard = warningGuard("the function 'log'");

function writeToStandardError(line: string): void {
  process.stderr.write(`entropynet: ${line}\n`);
}
