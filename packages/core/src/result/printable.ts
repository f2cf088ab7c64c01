/** The length of foreign text inside a sentence, where the caller names none. */
const DEFAULT_MAX_LENGTH = 200;

/**
 * Characters that command a terminal, turn text around, or show nothing: controls (C0, DEL, C1), formats and directions,
 * separators of lines, halves of pairs, and all that Unicode says is to be ignored in display.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Makes text that others wrote fit for a terminal, a log or a page: each control, direction or invisible character
 * becomes its number, like `\u{1b}`, and the whole has at most `maxLength` UTF-16 units, the last one `…` where something
 * was cut. Every package prints foreign text through this function.
 *
 * @param text foreign text; another kind of value is turned into text, and one that can't be is named instead
 * @param maxLength the longest result; 200 without it
 */
export function printable(text: unknown, maxLength: number = DEFAULT_MAX_LENGTH): string {
  let shown = '';
  // Cut first: a peer's text may be long, and no result is longer than its source plus escapes.
  for (const character of textOf(text).slice(0, maxLength + 1)) {
    const next = UNPRINTABLE.test(character) ? `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}` : character;
    if (shown.length + next.length > maxLength) return cut(shown, maxLength);
    shown += next;
  }
  return shown;
}

/** Room for the `…`, which never stands in the middle of a pair. */
function cut(text: string, maxLength: number): string {
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return String(value);
  } catch {
    return 'a value that can not be turned into text';
  }
}
