import { closeSync, openSync, readSync } from 'node:fs';
import * as layout from '../region/layout.js';
import { identityIn, linkKeyOf } from '../region/link-key.js';
import { describeProcess, type InspectedProcess, processesOf, textOf } from './processes.js';

/** How the receiver of a ring waits: not at all, on its socket in the event loop, on the word itself. */
export type InspectedWait = 'awake' | 'doorbell' | 'futex';

/** One direction of a connection at the moment at which it was looked at. */
export interface InspectedRing {
  /** Bytes of the ring. */
  readonly capacity: number;
  /** Bytes that were written and not read yet, frames' headers included. */
  readonly filled: number;
  /** Bytes written since the connection was made, frames' headers included, modulo 2^32. */
  readonly written: number;
  /** Whether the sender waits for room. */
  readonly isStalled: boolean;
  /** How the receiver waits now. */
  readonly receiver: InspectedWait;
  /** Whether the sender has said goodbye. */
  readonly isClosed: boolean;
}

/** One connection through shared memory. */
export interface InspectedRegion {
  /** Tells regions apart while the machine runs: the memory's device and inode. */
  readonly key: string;
  /** `SharedMemoryConnection.linkKey` of both ends. */
  readonly linkKey: string;
  /** Bytes. */
  readonly size: number;
  /** When it was made, in milliseconds since the epoch. */
  readonly madeAt: number | undefined;
  /** The process that listened; undefined where it has ended or is in a process namespace of its own. */
  readonly server: InspectedProcess | undefined;
  /** The process that connected; undefined likewise. */
  readonly client: InspectedProcess | undefined;
  /** What the server sends. */
  readonly toClient: InspectedRing;
  /** What the client sends. */
  readonly toServer: InspectedRing;
}

/** A region that could not be looked into. */
export interface UnreadableRegion {
  /** As of a region that could. */
  readonly key: string;
  /** Bytes, whole pages. */
  readonly size: number;
  /** Who has it mapped. */
  readonly processes: readonly InspectedProcess[];
  /** Why, in one sentence. */
  readonly reason: string;
}

/** Where a process has a region mapped. */
interface Mapping {
  readonly processId: number;
  readonly address: number;
  readonly size: number;
}

/** address range, rights, offset, device, inode, name */
const MAPPED_REGION =
  /^([0-9a-f]+)-([0-9a-f]+) rw.s 0+ ([0-9a-f]+:[0-9a-f]+) (\d+) +\/memfd:entropynet(?: \(deleted\))?$/;

/** The last moment of a calendar; what peers write there may be anything. */
const MOST_TIME = 8.64e15;

const WAITS: readonly InspectedWait[] = ['awake', 'doorbell', 'futex'];

/**
 * Every region that a process of the user has mapped. Only reads, through `/proc/PID/mem`, what line 0 to 3 of the control
 * block say: neither side is stopped, woken or written to. What the peers write there is not trusted.
 */
export function inspectRegions(userId: number): { regions: InspectedRegion[]; unreadable: UnreadableRegion[] } {
  const regions: InspectedRegion[] = [];
  const unreadable: UnreadableRegion[] = [];
  for (const [key, mappings] of mappingsByRegion(userId)) {
    const { size } = mappings[0]!;
    const block = readControlBlock(mappings);
    const found = typeof block === 'string' ? block : decodeRegion(key, size, block, mappings);
    if (typeof found !== 'string') regions.push(found);
    else {
      const processes = holdersOf(mappings).map(describeProcess);
      const living = processes.filter((each) => each !== undefined);
      if (living.length > 0) unreadable.push({ key, size, processes: living, reason: found });
    }
  }
  return { regions, unreadable };
}

function mappingsByRegion(userId: number): Map<string, Mapping[]> {
  const found = new Map<string, Mapping[]>();
  for (const processId of processesOf(userId)) {
    for (const line of (textOf(`/proc/${processId}/maps`) ?? '').split('\n')) {
      const match = MAPPED_REGION.exec(line);
      if (match === null) continue;
      const [, start = '', end = '', device = '', inode = ''] = match;
      const address = Number.parseInt(start, 16);
      const key = `${device}:${inode}`;
      const mapping = { processId, address, size: Number.parseInt(end, 16) - address };
      found.set(key, [...(found.get(key) ?? []), mapping]);
    }
  }
  return found;
}

/** The block as the first of those says it whose memory may be read; a sentence where none may. */
function readControlBlock(mappings: readonly Mapping[]): DataView | string {
  let reason = 'its processes have ended';
  for (const { processId, address } of mappings) {
    try {
      const descriptor = openSync(`/proc/${processId}/mem`, 'r');
      try {
        const bytes = new Uint8Array(layout.CONTROL_BLOCK_BYTES);
        const length = readSync(descriptor, bytes, 0, bytes.length, address);
        if (length === bytes.length) return new DataView(bytes.buffer);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM')
        reason = `the memory of process ${processId} may not be read (kernel.yama.ptrace_scope, or another user's rights)`;
    }
  }
  return reason;
}

function decodeRegion(
  key: string,
  size: number,
  view: DataView,
  mappings: readonly Mapping[],
): InspectedRegion | string {
  const word = (offset: number): number => view.getUint32(offset, true);
  if (word(layout.MAGIC_OFFSET) !== layout.MAGIC) return 'it is not a region of EntropyNet';
  const version = word(layout.LAYOUT_VERSION_OFFSET);
  if (version !== layout.LAYOUT_VERSION)
    return `it has layout version ${version}; this one knows ${layout.LAYOUT_VERSION}`;
  const regionBytes = word(layout.REGION_BYTES_OFFSET);
  const capacity = layout.ringCapacityOf(regionBytes);
  // The mapping ends with a whole page.
  if (regionBytes > size || word(layout.RING_CAPACITY_OFFSET) !== capacity) return 'its control block is damaged';
  const toClient = ringOf(word, 'server', capacity);
  const toServer = ringOf(word, 'client', capacity);
  if (toClient === undefined || toServer === undefined) return 'its positions are damaged';
  const madeAt = Number(view.getBigUint64(layout.MADE_AT_OFFSET, true));
  const holders = holdersOf(mappings);
  const ifHolder = (id: number): InspectedProcess | undefined =>
    holders.includes(id) ? describeProcess(id) : undefined;
  return {
    key,
    linkKey: linkKeyOf(identityIn(new Uint8Array(view.buffer))),
    size: regionBytes,
    madeAt: madeAt === 0 || madeAt > MOST_TIME ? undefined : madeAt,
    server: ifHolder(word(layout.SERVER_PROCESS_ID_OFFSET)),
    client: ifHolder(word(layout.CLIENT_PROCESS_ID_OFFSET)),
    toClient,
    toServer,
  };
}

/** The ring that `sender` writes; undefined where its positions can't be true. */
function ringOf(
  word: (offset: number) => number,
  sender: layout.RegionSide,
  capacity: number,
): InspectedRing | undefined {
  const from = layout.sideLayout(sender, capacity);
  const to = layout.sideLayout(sender === 'server' ? 'client' : 'server', capacity);
  const written = word(from.tail << 2);
  const filled = (written - word(to.head << 2)) >>> 0;
  if (filled > capacity) return undefined;
  return {
    capacity,
    filled,
    written,
    isStalled: word(from.waitsForRoom << 2) !== 0,
    receiver: WAITS[word(to.sleep << 2)] ?? 'awake',
    isClosed: word(from.closed << 2) !== 0,
  };
}

function holdersOf(mappings: readonly Mapping[]): number[] {
  return [...new Set(mappings.map(({ processId }) => processId))];
}
