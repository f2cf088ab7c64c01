import { networkInterfaces } from 'node:os';
import { type ConnectionConfig, redactEndpoint } from '@entropynet/core';

/** The hosts that mean every address of this machine, each with the address that a server then reports. */
const EVERY_ADDRESS = new Map([
  ['0.0.0.0', { local: '127.0.0.1', family: 'IPv4' }],
  ['[::]', { local: '[::1]', family: 'IPv6' }],
]);

/**
 * Returns the addresses of a server, for people. A server on every address of this machine reports the loopback
 * address. The text adds that other machines can connect, too, and an address that they can use.
 */
export function shownAddresses(addresses: readonly string[], { endpoint, fallback = [] }: ConnectionConfig): string[] {
  const everywhere = [endpoint, ...fallback].flatMap((each) => {
    const url = /^wss?:/i.test(each) && URL.canParse(each) ? new URL(each) : undefined;
    const meaning = url === undefined ? undefined : EVERY_ADDRESS.get(url.hostname);
    return url === undefined || meaning === undefined ? [] : [{ url, ...meaning }];
  });
  return addresses.map((address) => {
    const bound = URL.canParse(address) ? new URL(address) : undefined;
    const index = everywhere.findIndex(
      ({ url, local }) =>
        bound !== undefined &&
        [local, url.hostname].includes(bound.hostname) &&
        url.pathname === bound.pathname &&
        (url.port === bound.port || url.port === '0'),
    );
    const [found] = index < 0 ? [] : everywhere.splice(index, 1);
    return found === undefined ? redactEndpoint(address) : describeEverywhere(address, found);
  });
}

function describeEverywhere(
  address: string,
  { url, local, family }: { readonly url: URL; readonly local: string; readonly family: string },
): string {
  const withHost = (host: string): string =>
    redactEndpoint(address.replace(/(?<=^\w+:\/\/)(?:\[[^\]]*\]|[^:/]*)/, host));
  const other = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => !each.internal && each.family === family && !each.address.startsWith('fe80:'));
  const example = other === undefined ? local : family === 'IPv6' ? `[${other.address}]` : other.address;
  return `${withHost(url.hostname)} (every address of this machine, such as ${withHost(example)})`;
}
