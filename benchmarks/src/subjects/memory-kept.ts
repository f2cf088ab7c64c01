import type { Subject } from '../subject.js';

/**
 * Processes that keep what they free, and free it at once, as `docs/guides/choosing-a-transport.md` advises for long
 * messages: glibc gives less back to the system, and V8 frees arrays while it collects, instead of later, in a thread that
 * gets no processor while this one is busy.
 */
export const MEMORY_KEPT: Required<Pick<Subject, 'isExtra' | 'start' | 'workloads'>> = {
  isExtra: true,
  start: {
    arguments: ['--no-concurrent-array-buffer-sweeping'],
    environment: { MALLOC_MMAP_THRESHOLD_: '33554432', MALLOC_TRIM_THRESHOLD_: '536870912' },
  },
  workloads: ['one-way', 'sizes', 'control', 'flood'],
};

/** What such a subject is called. */
export function nameWithMemoryKept(name: string): string {
  return `${name} (memory kept)`;
}
