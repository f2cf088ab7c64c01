/** The default length limit for text from others. */
const DEFAULT_MAX_LENGTH = 200;

/**
 * Characters that command a terminal, turn text around, or show nothing: controls (C0, DEL, C1), formats and
 * directions, separators of lines, single surrogates, and all characters that Unicode says a display ignores.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** The text of most names and sentences. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/**
 * Makes text from others safe for a terminal, a log or a page. It replaces each control, direction or invisible
 * character by its number, such as `\u{1b}`. The result has at most `maxLength` UTF-16 units; a cut text ends
 * with an ellipsis.
 * Every package prints text of peers through this function.
 *
 * @param text the text; any other value is converted to text first
 * @param maxLength the largest length of the result, in UTF-16 units; 200 by default
 */
export function printable(text: unknown, maxLength: number = DEFAULT_MAX_LENGTH): string {
  if (typeof text === 'string' && text.length <= maxLength && PRINTABLE_ASCII.test(text)) return text;
  let shown = '';
  // Cut first: a peer's text may be long, and no result is longer than its source plus escapes.
  for (const character of textOf(text).slice(0, maxLength + 1)) {
    const next = UNPRINTABLE.test(character) ? `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}` : character;
    if (shown.length + next.length > maxLength) return cut(shown, maxLength);
    shown += next;
  }
  return shown;
}

/** Cuts the text for an ellipsis at the end, but never between two surrogates. */
function cut(text: string, maxLength: number): string {
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}\u2026`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return String(value);
  } catch {
    return "a value that can't be turned into text";
  }
}
