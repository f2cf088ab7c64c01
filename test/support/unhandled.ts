import { turns } from '@entropynet/conformance/tools';

/** Runs the function, and returns the reasons of the unhandled rejections that it caused. */
export async function unhandledDuring(run: () => unknown): Promise<unknown[]> {
  const others = process.listeners('unhandledRejection');
  const reasons: unknown[] = [];
  const listener = (reason: unknown): unknown => reasons.push(reason);
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', listener);
  try {
    await run();
    await turns(2);
  } finally {
    process.off('unhandledRejection', listener);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return reasons;
}
