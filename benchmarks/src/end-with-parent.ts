/** Ends this process when the one that started it has ended: a benchmark that was killed leaves nothing that measures on. */
export function endWithParent(): void {
  const end = (): never => process.exit(1);
  process.once('disconnect', end);
  // Without `send`, no benchmark has started it.
  if (process.send !== undefined && !process.connected) end();
}
