import { loadNativeBinding } from '../native-binding.js';

/**
 * On Windows, where modes say nothing: what keeps a file or directory from being this user's alone, as the rest of a
 * sentence that begins with it; undefined where it is. Throws the addon's `SystemError`.
 */
export function foreignAccess(path: string): string | undefined {
  const binding = loadNativeBinding();
  const access = binding.ok ? binding.value.fileAccess?.(path) : undefined;
  if (access === undefined) return "can't be shown to be this user's: the addon does not read access lists";
  if (!access.isOwn) return `belongs to ${access.owner}, not to this user`;
  return access.writer === '' ? undefined : `may be changed by ${access.writer}: remove that access`;
}
