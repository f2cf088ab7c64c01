import { lstatSync, rmSync } from 'node:fs';
import { err, ok, type Result } from '@entropynet/core';
import { currentUserId, type NativeBinding } from '../native-binding.js';
import { readDiscoveryRegion } from './discovery-region.js';
import { askWhetherServed } from './liveness.js';
import { MAX_SLOTS, type ServerNames, serverNames, SOCKETS_ARE_FILES } from './names.js';

/** A server that looks for free names. */
export interface SlotSeeker {
  readonly binding: NativeBinding;
  readonly directory: string;
  readonly name: string;
  /** The name in a form for errors and logs. */
  readonly shown: string;
  /** Whether the server shares its name with others that do. @default false */
  readonly share?: boolean;
}

/**
 * Returns the names that a server may take. The caller holds the directory's lock. A server that does not share gets
 * slot 0. A server that shares gets the first slot without a living server. `AddressInUse`: a living server does not
 * allow it.
 */
export function findFreeSlot(seeker: SlotSeeker): Result<ServerNames> {
  return seeker.share === true ? findSlotToShare(seeker) : findSlotAlone(seeker);
}

/**
 * Returns slot 0 if no server of the name lives. It removes the files of dead servers from other slots, so that clients
 * do not ask there.
 */
function findSlotAlone(seeker: SlotSeeker): Result<ServerNames> {
  const { binding, directory, name } = seeker;
  for (let slot = 0; slot < MAX_SLOTS; slot += 1) {
    const names = serverNames(directory, name, slot);
    if (slot > 0 && !isInUse(names)) continue;
    const asked = askWhetherServed(binding, names);
    if (!asked.ok) return asked;
    if (asked.value.isLiving) {
      const remedy = isSharedBy(names, binding) ? ': set sharedMemory.share here, too, to share the name with it' : '';
      return taken(seeker, names, asked.value.processId, remedy);
    }
    if (slot > 0) for (const path of [names.region, names.socket]) rmSync(path, { force: true });
  }
  return ok(serverNames(directory, name));
}

function findSlotToShare(seeker: SlotSeeker): Result<ServerNames> {
  const { binding, directory, name, shown } = seeker;
  let free: ServerNames | undefined;
  for (let slot = 0; slot < MAX_SLOTS && free === undefined; slot += 1) {
    const names = serverNames(directory, name, slot);
    const asked = slot > 0 && !isInUse(names) ? undefined : askWhetherServed(binding, names);
    if (asked?.ok === false) return asked;
    if (asked?.value.isLiving !== true) free = names;
    else if (slot === 0 && !isSharedBy(names, binding)) {
      return taken(seeker, names, asked.value.processId, ': it does not share the name (sharedMemory.share)');
    }
  }
  if (free !== undefined) return ok(free);
  return err('AddressInUse', `${MAX_SLOTS} servers named '${shown}' share the name already, and no more can`);
}

function isInUse({ region, socket }: ServerNames): boolean {
  return [region, socket].some((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
}

function isSharedBy({ region }: ServerNames, binding: NativeBinding): boolean {
  const identity = readDiscoveryRegion(region, currentUserId(binding));
  return identity.ok && identity.value.isShared === true;
}

function taken(
  { shown }: SlotSeeker,
  names: ServerNames,
  processId: number | undefined,
  remedy: string,
): Result<never> {
  const which = processId === undefined ? '' : ` in process ${processId}`;
  const where = SOCKETS_ARE_FILES ? `socket ${names.socket}` : `discovery region ${names.region}`;
  return err('AddressInUse', `a server named '${shown}' is running already${which} (${where})${remedy}`);
}
