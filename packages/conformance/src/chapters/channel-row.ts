import { unwrap } from '@entropynet/core';
import type { Link } from '../chapter-context.js';
import { rowMessage, type MessageRow } from '../support/messages.js';

export const ROW: MessageRow = { lengths: [0, 1, 100, 3000], count: 200 };

export async function sendOn({ local }: Pick<Link, 'local'>, channel: string, row: MessageRow): Promise<void> {
  for (let index = 0; index < (row.count ?? row.lengths.length); index += 1) {
    unwrap(await local.sendOnChannel(channel, rowMessage(row, index)));
  }
}
