/** Describes a thrown value in one line. An error may come from another realm. */
export function describeThrown(error: unknown): string {
  try {
    const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return `a ${typeof error} that can't be printed`;
  }
}
