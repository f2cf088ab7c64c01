import { unwrap } from '@entropynet/core';
import { messageOf } from '../support/messages.js';
import { scoped } from '../support/scope.js';
import { openPair, type ChapterContext } from '../chapter-context.js';

const MIB = 1024 * 1024;

/** Contract, END: both sides end at the same time. */
export function describeBothEnding(context: ChapterContext): void {
  it(
    '[END-4] ends at once if both sides disconnect while both still send',
    scoped(async (scope) => {
      // A side that returns no window would make the other one wait this long.
      const { near, far } = await openPair(context, scope, { sendTimeoutMs: 600_000 });
      for (const side of [near, far]) {
        side.setMessageCallback(() => undefined);
        unwrap(side.trySend(messageOf(8 * MIB, 1)));
      }
      const goodbyes = await Promise.all([near.disconnect(), far.disconnect()]);
      for (const goodbye of goodbyes) unwrap(goodbye);
    }),
  );
}
