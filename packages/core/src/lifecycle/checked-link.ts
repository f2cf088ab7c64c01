import { kindOf } from '../result/kind-of.js';
import type { Result } from '../result/result.js';
import type { FrameLink } from '../wire/frame-link.js';

/** Names of members, each with its kind. Made once, because each connect needs them. */
const OUTCOME = Object.entries({ ok: 'boolean' });
const FAILURE = Object.entries({ message: 'string' });
const LINK = Object.entries({ writer: 'object', peerLimits: 'object' });
const WRITER = Object.entries({
  maxFrameBytes: 'number',
  tryWrite: 'function',
  tryClaim: 'function',
  commitClaim: 'function',
  abortClaim: 'function',
});
const PERMANENT = Object.entries({ tryClaimAt: 'function', claimedBytes: 'object' });
const LIMITS = Object.entries({ maxMessageSize: 'number', channelWindow: 'number', maxChannels: 'number' });

/**
 * Checks the outcome of a transport's `doConnect`, and returns it. Throws a `TypeError` for any other value, so that
 * the fault of a third-party transport fails the attempt. Later, nobody would catch the exception of the first use.
 */
export function checkedLink(made: Result<FrameLink>): Result<FrameLink> {
  check('', made, OUTCOME);
  if (made.ok) {
    check('value.', made.value, LINK);
    const { writer } = made.value;
    check('value.writer.', writer, WRITER);
    if (writer.tryClaimAt !== undefined) check('value.writer.', writer, PERMANENT);
    check('value.peerLimits.', made.value.peerLimits, LIMITS);
  } else check('error.', made.error, FAILURE);
  return made;
}

function check(path: string, value: unknown, kinds: readonly (readonly [string, string])[]): void {
  const members = Object(value) as Readonly<Record<string, unknown>>;
  for (const [name, kind] of kinds) {
    const member = members[name];
    if (typeof member === kind) continue;
    throw new TypeError(`doConnect() of the transport gave ${kindOf(member)} as '${path}${name}', which is a ${kind}`);
  }
}
