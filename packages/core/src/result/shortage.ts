import { NetworkError } from './network-error.js';

/** The resources of a system that can run out, by the code of the system's error, each with advice for a person. */
const SHORTAGES: ReadonlyMap<unknown, string> = new Map([
  ['EMFILE', 'this process has no file descriptor left: close some, or raise "ulimit -n"'],
  ['ENFILE', 'the system has no file descriptor left'],
  ['ENOBUFS', 'the system has no memory left'],
  ['ENOMEM', 'the system has no memory left'],
  ['ENOSPC', 'the disk is full: make room there'],
  ['EDQUOT', "this user's disk quota is full: make room there"],
  ['Z_MEM_ERROR', 'this process has no memory left'],
  ['EFBIG', 'a file may not become that long: raise "ulimit -f", or use another file system'],
]);

/** The message of V8 if it finds no memory for an `ArrayBuffer`. The error has no code. */
const NO_MEMORY = 'Array buffer allocation failed';

/**
 * Returns the resource that an error of the system or of V8 reports as used up, with advice and the error's code.
 * Undefined for every other value.
 */
export function shortageOf(error: unknown): string | undefined {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  if (message === NO_MEMORY) return 'this process has no memory left';
  const sentence = SHORTAGES.get(code);
  return sentence === undefined ? undefined : `${sentence} (${String(code)})`;
}

/**
 * Returns the error of a connection that can't take a message that arrived, because a resource is used up. Throws
 * `error` again if it reports no shortage.
 */
export function receiveShortage(error: unknown): NetworkError {
  return shortage('there is no room for a message that arrived', error);
}

/** The same for a connection that can't send a frame. */
export function sendShortage(error: unknown): NetworkError {
  return shortage('a message could not be sent', error);
}

function shortage(what: string, error: unknown): NetworkError {
  const resource = shortageOf(error);
  if (resource === undefined) throw error;
  return new NetworkError('ResourceLimitExceeded', `${what}: ${resource}`, error);
}
