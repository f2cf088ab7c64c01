import type { NativeBinding } from '../native-binding.js';

/** The owner that registered each name last. */
const owners = new Map<string, object>();

/**
 * Registers a file of `owner`, which the process removes when it exits. It replaces an earlier registration of the
 * name.
 */
export function removeAtExit(binding: NativeBinding, path: string, owner: object): void {
  owners.set(path, owner);
  binding.removeAtExit(path);
}

/** Ends the registration. It has no effect if another owner of this process has registered the name meanwhile. */
export function forgetAtExit(binding: NativeBinding, path: string, owner: object): void {
  if (owners.get(path) !== owner) return;
  owners.delete(path);
  binding.forgetAtExit(path);
}
