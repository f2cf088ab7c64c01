import { performance } from 'node:perf_hooks';

/** Connections that are being made at once. */
export const CONNECTS_AT_ONCE = 16;

/** A connection that has got its message back. Closes it. */
export type CloseConnection = () => Promise<void>;

/**
 * Opens `count` connections, `CONNECTS_AT_ONCE` at once. `connectOne` resolves when the connection has got its message
 * back. Resolves with the milliseconds until the last one had. Each connection closes beside the next ones, and all
 * have closed before it resolves.
 */
export async function connectMany(count: number, connectOne: () => Promise<CloseConnection>): Promise<number> {
  const closing: Promise<void>[] = [];
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const close = await connectOne();
      closing.push(close());
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONNECTS_AT_ONCE }, work));
  const milliseconds = performance.now() - startedAt;
  await Promise.all(closing);
  return milliseconds;
}
