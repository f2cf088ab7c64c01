import { loadNativeBinding } from '../native-binding.js';

/**
 * On Windows, which has no file modes: returns the reason why a file or directory is not this user's alone. The reason
 * is the rest of a sentence that begins with the path. Undefined if it is this user's alone. Throws the addon's
 * `SystemError`.
 */
export function foreignAccess(path: string): string | undefined {
  const binding = loadNativeBinding();
  const access = binding.ok ? binding.value.fileAccess?.(path) : undefined;
  if (access === undefined) return "can't be shown to be this user's: the addon does not read access lists";
  if (!access.isOwn) return `belongs to ${access.owner}, not to this user`;
  return access.writer === '' ? undefined : `may be changed by ${access.writer}: remove that access`;
}
