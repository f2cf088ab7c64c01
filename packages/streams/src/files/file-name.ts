import { NetworkError, printable } from '@entropynet/core';

/** The longest name of common file systems, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;

/** A hostile name may be long. Its beginning is enough to recognise it. */
const MAX_SHOWN = 80;

/**
 * Separators, characters that Windows reserves, control characters, line separators, and marks that reorder the
 * displayed text.
 */
const FORBIDDEN = /[/\\:*?"<>|\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** The names of devices on Windows, with any extension. Windows also reads the superscript digits as digits there. */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ .]*(?:\..*)?$/isu;

/**
 * Returns the name, if it means the same ordinary file in the folder on every system. Otherwise throws a `NetworkError`
 * (`InvalidParameter`) that names the broken rule.
 */
export function checkFileName(name: string): string {
  const problem = problemOf(name);
  if (problem === undefined) return name;
  throw new NetworkError('InvalidParameter', `the name "${printable(name, MAX_SHOWN)}" is not allowed: ${problem}`);
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'it is empty';
  // An encoder replaces half of a surrogate pair by another character.
  if (Buffer.from(name).toString() !== name) return 'it is not well-formed Unicode';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `it is longer than ${MAX_NAME_BYTES} bytes`;
  if (FORBIDDEN.test(name))
    return `it has a forbidden character: one of / \\ : * ? " < > |, a control character or a direction mark`;
  if (name.startsWith('.')) return 'names that start with a dot configure programs, or lead out of the folder';
  if (name.startsWith('-')) return 'programs read a name that starts with a dash as an option';
  if (/^\s|[\s.]$/u.test(name)) return 'it starts with a space, or ends with a space or a dot, which some systems drop';
  if (DEVICE.test(name)) return 'it is the name of a device on Windows';
  return undefined;
}

/** Returns the same text for all names that some file system takes for one: it ignores case and Unicode composition. */
export function foldedName(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
