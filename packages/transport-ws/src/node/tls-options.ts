import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { err, NetworkError, OK, type Result } from '@entropynet/core';
import type { WebSocketTlsConfig } from '../protocol/web-socket-options.js';
import { reasonOf } from '../protocol/web-socket-errors.js';

/**
 * Checks that no option is given without the others that it needs, because Node.js would ignore it. Throws a
 * `NetworkError` (`InvalidParameter`) that names the missing option.
 */
export function checkTlsKeys(tls: WebSocketTlsConfig | undefined): void {
  if (tls === undefined) return;
  requireWith(tls, 'certificate', 'privateKey');
  requireWith(tls, 'privateKey', 'certificate');
  requireWith(tls, 'passphrase', 'privateKey');
}

/** Checks that a server of `wss://` has a certificate and a key. Throws like `checkTlsKeys`. */
export function requireServerTls(tls: WebSocketTlsConfig | undefined): void {
  requireKey('webSocket.tls.certificate', tls?.certificate);
  requireKey('webSocket.tls.privateKey', tls?.privateKey);
}

/**
 * Checks that there are no TLS options for a server that does no TLS itself. Throws like `checkTlsKeys`.
 * @param other the option because of which the program does the TLS
 */
export function refuseServerTls(tls: WebSocketTlsConfig | undefined, other: 'server' | 'noServer'): void {
  const keys = ['certificate', 'privateKey', 'passphrase', 'certificateAuthority'] as const;
  const given = keys.find((key) => tls?.[key] !== undefined);
  if (given === undefined) return;
  throw new NetworkError(
    'InvalidParameter',
    `'webSocket.tls.${given}' was given together with 'webSocket.${other}': give it to your own https.Server instead`,
  );
}

/** Returns the options in the form of Node.js, for either side. */
export function secureContextOptions(tls: WebSocketTlsConfig | undefined): SecureContextOptions {
  if (tls === undefined) return {};
  const { certificate: cert, privateKey: key, passphrase, certificateAuthority: ca, minVersion } = tls;
  return {
    minVersion,
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(ca !== undefined && { ca }),
  };
}

/** Returns the options of a server. It asks clients for a certificate if it has an authority to check them. */
export function serverTlsOptions(tls: WebSocketTlsConfig | undefined): TlsOptions {
  const requestCert = tls?.certificateAuthority !== undefined;
  return { ...secureContextOptions(tls), requestCert, rejectUnauthorized: requestCert && tls.rejectUnauthorized };
}

/**
 * Checks if Node.js accepts the certificates and keys. `InvalidParameter`: it does not, and the error contains its
 * reason.
 */
export function tryTls(tls: WebSocketTlsConfig | undefined): Result {
  // A secure context costs a tenth of a connect, and without options there is nothing to check.
  if (tls === undefined) return OK;
  try {
    createSecureContext(secureContextOptions(tls));
    return OK;
  } catch (error) {
    return err('InvalidParameter', `'webSocket.tls' can't be used: ${reasonOf(error)}`);
  }
}

function requireWith(tls: WebSocketTlsConfig, key: keyof WebSocketTlsConfig, needed: keyof WebSocketTlsConfig): void {
  if (tls[key] === undefined || tls[needed] !== undefined) return;
  throw new NetworkError(
    'InvalidParameter',
    `'webSocket.tls.${key}' was given without 'webSocket.tls.${needed}', and would be ignored`,
  );
}

function requireKey(key: string, value: string | undefined): void {
  if (value !== undefined) return;
  throw new NetworkError('InvalidParameter', `'${key}' was given nothing; a wss:// server needs it as PEM text`);
}
