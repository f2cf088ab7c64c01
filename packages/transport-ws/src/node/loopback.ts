import dns from 'node:dns';
import { isIP } from 'node:net';
import { LOOPBACK_HOST } from '../protocol/web-socket-address.js';

/** The loopback addresses that every name for this machine may stand for: a page's browser takes either. */
const LOOPBACK_ADDRESSES = [LOOPBACK_HOST, '::1'];

/** Whether that address of a socket, as the system gives it, is on this machine. A name never is, whatever it begins with. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return false;
  return address === '::1' || /^(::ffff:)?127\./i.test(address);
}

/** Whether a host is a name for this machine (RFC 6761, section 6.3). */
export function isLoopbackName(host: string): boolean {
  return /(^|\.)localhost\.?$/i.test(host);
}

/**
 * The addresses that a server of `host` has to listen at. For `localhost` that is every loopback address, those that the
 * name has here included: whichever a client takes, no other program can be there.
 */
export async function addressesToBind(host: string): Promise<string[]> {
  if (!isLoopbackName(host)) return [host];
  const known = await new Promise<string[]>((resolve) => {
    dns.lookup(host, { all: true }, (error, addresses) => {
      // The usual ones will do where the name is not known here.
      resolve(error === null ? addresses.map(({ address }) => address) : []);
    });
  });
  return [...new Set([...LOOPBACK_ADDRESSES, ...known.filter(isLoopbackAddress)])];
}
