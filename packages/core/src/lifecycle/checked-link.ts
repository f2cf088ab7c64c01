import { kindOf } from '../result/kind-of.js';
import type { Result } from '../result/result.js';
import type { FrameLink } from '../wire/frame-link.js';

const WRITER = {
  maxFrameBytes: 'number',
  tryWrite: 'function',
  tryClaim: 'function',
  commitClaim: 'function',
  abortClaim: 'function',
} as const;
const LIMITS = { maxMessageSize: 'number', channelWindow: 'number', maxChannels: 'number' } as const;

/**
 * Checks the outcome of a transport's `doConnect`, and returns it. Throws a `TypeError` for any other value, so that
 * the fault of a third-party transport fails the attempt. Later, nobody would catch the exception of the first use.
 */
export function checkedLink(made: Result<FrameLink>): Result<FrameLink> {
  check('', made, { ok: 'boolean' });
  if (made.ok) {
    check('value.', made.value, { writer: 'object', peerLimits: 'object' });
    check('value.writer.', made.value.writer, WRITER);
    check('value.peerLimits.', made.value.peerLimits, LIMITS);
  } else check('error.', made.error, { message: 'string' });
  return made;
}

function check(path: string, value: unknown, kinds: Readonly<Record<string, string>>): void {
  const members = Object(value) as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries(kinds)) {
    const member = members[name];
    if (typeof member === kind) continue;
    throw new TypeError(`doConnect() of the transport gave ${kindOf(member)} as '${path}${name}', which is a ${kind}`);
  }
}
