import { isIP } from 'node:net';
import { LOOPBACK_HOST } from '../protocol/web-socket-address.js';

/** The loopback addresses that a name for this machine may have. A browser uses either of them. */
const LOOPBACK_ADDRESSES = [LOOPBACK_HOST, '::1'];

/**
 * Whether the address of a socket is on this machine. The system gives an address; a name never counts, even with a
 * loopback prefix.
 */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return false;
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}

/** Whether a host is a name for this machine (RFC 6761, section 6.3). */
export function isLoopbackName(host: string): boolean {
  return /(^|\.)localhost\.?$/i.test(host);
}

/**
 * Returns the addresses at which a server of `host` must listen. For `localhost` these are all loopback addresses,
 * including those of the system's name resolution, so that no other program can listen at an address that a client may
 * choose.
 */
export async function addressesToBind(host: string): Promise<string[]> {
  if (!isLoopbackName(host)) return [host];
  // Loaded when it is needed: the module takes 19 kilobytes of the heap of every program.
  const { default: dns } = await import('node:dns');
  const known = await new Promise<string[]>((resolve) => {
    dns.lookup(host, { all: true }, (error, addresses) => {
      // If the system can't resolve the name, the usual addresses are enough.
      resolve(error === null ? addresses.map(({ address }) => address) : []);
    });
  });
  return [...new Set([...LOOPBACK_ADDRESSES, ...known.filter(isLoopbackAddress)])];
}
