import { closeSync, openSync, readSync } from 'node:fs';
import { libraryOffsetOf, readLibrary } from '../region/control-block.js';
import * as layout from '../region/layout.js';
import { identityIn, linkKeyOf } from '../region/link-key.js';
import { describeProcess, type InspectedProcess, processesOf, textOf } from './processes.js';

/**
 * How the receiver of a ring waits: not at all (`awake`), on its socket (`doorbell`), or on a word of the region
 * (`futex`).
 */
export type InspectedWait = 'awake' | 'doorbell' | 'futex';

/** One direction of a connection at the time of the snapshot. */
export interface InspectedRing {
  /** The size of the ring in bytes. */
  readonly capacity: number;
  /** Bytes that the sender has written and the receiver has not read yet, with frame headers. */
  readonly filled: number;
  /** Bytes that the sender has written since the connection began, with frame headers, modulo 2^32. */
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
  /** A key that identifies the region until the machine restarts: the memory's device and inode. */
  readonly key: string;
  /** `SharedMemoryConnection.linkKey` of both ends. */
  readonly linkKey: string;
  /** The size of the region in bytes. */
  readonly size: number;
  /** The time of its creation, in milliseconds since the epoch. */
  readonly madeAt: number | undefined;
  /** The process of the server. Undefined if it has ended or is in another PID namespace. */
  readonly server: InspectedProcess | undefined;
  /** The process of the client. Undefined in the same cases. */
  readonly client: InspectedProcess | undefined;
  /** The server's language and the version of its library, `c++ 0.1.0` for example. Undefined for an older server. */
  readonly serverLibrary: string | undefined;
  /** The same of the client. */
  readonly clientLibrary: string | undefined;
  /** The ring from the server to the client. */
  readonly toClient: InspectedRing;
  /** The ring from the client to the server. */
  readonly toServer: InspectedRing;
}

/** A region that this process may not read. */
export interface UnreadableRegion {
  /** The key, as in `InspectedRegion`. */
  readonly key: string;
  /** The size in bytes, rounded up to whole pages. */
  readonly size: number;
  /** The processes that have mapped it. */
  readonly processes: readonly InspectedProcess[];
  /** The reason, in one sentence. */
  readonly reason: string;
}

/** A mapping of a region in a process. */
interface Mapping {
  readonly processId: number;
  readonly address: number;
  readonly size: number;
}

/** address range, rights, offset, device, inode, name */
const MAPPED_REGION =
  /^([0-9a-f]+)-([0-9a-f]+) rw.s 0+ ([0-9a-f]+:[0-9a-f]+) (\d+) +\/memfd:entropynet(?: \(deleted\))?$/;

/** The largest time of a `Date`. A peer may write any value. */
const MOST_TIME = 8.64e15;

const WAITS: readonly InspectedWait[] = ['awake', 'doorbell', 'futex'];

/**
 * Returns every region that a process of the user has mapped. It only reads lines 0 to 3 of the control block, through
 * `/proc/PID/mem`, so it does not stop, wake or change a side. It checks every value, because a peer may write any.
 */
export function inspectRegions(userId: number): { regions: InspectedRegion[]; unreadable: UnreadableRegion[] } {
  const regions: InspectedRegion[] = [];
  const unreadable: UnreadableRegion[] = [];
  // A server has a region for each of its connections.
  const described = new Map<number, InspectedProcess | undefined>();
  const describe = (id: number): InspectedProcess | undefined => {
    if (!described.has(id)) described.set(id, describeProcess(id));
    return described.get(id);
  };
  for (const [key, mappings] of mappingsByRegion(userId)) {
    const { size } = mappings[0]!;
    const block = readControlBlock(mappings);
    const found = typeof block === 'string' ? block : decodeRegion(key, size, block, mappings, describe);
    if (typeof found !== 'string') regions.push(found);
    else {
      const processes = holdersOf(mappings).map(describe);
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
      const known = found.get(key);
      if (known === undefined) found.set(key, [mapping]);
      else known.push(mapping);
    }
  }
  return found;
}

/** Returns the control block from the first process whose memory may be read; otherwise a sentence with the reason. */
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
  describe: (id: number) => InspectedProcess | undefined,
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
  const ifHolder = (id: number): InspectedProcess | undefined => (holders.includes(id) ? describe(id) : undefined);
  const bytes = new Uint8Array(view.buffer);
  return {
    key,
    linkKey: linkKeyOf(identityIn(bytes)),
    size: regionBytes,
    madeAt: madeAt === 0 || madeAt > MOST_TIME ? undefined : madeAt,
    server: ifHolder(word(layout.SERVER_PROCESS_ID_OFFSET)),
    client: ifHolder(word(layout.CLIENT_PROCESS_ID_OFFSET)),
    serverLibrary: readLibrary(bytes, libraryOffsetOf('server')),
    clientLibrary: readLibrary(bytes, libraryOffsetOf('client')),
    toClient,
    toServer,
  };
}

/** Returns the ring that `sender` writes; undefined if its positions are impossible. */
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
