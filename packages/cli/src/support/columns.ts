import { lineOf } from './terminal.js';

/** Returns the beginning of a foreign text as one line that needs at most that number of columns. */
export function fitted(text: string, columns: number): string {
  // The width of a tab depends on its place.
  const line = lineOf(text).replaceAll('\t', ' ');
  if (widthOf(line) <= columns) return line;
  let kept = '';
  let width = 0;
  for (const character of line) {
    width += widthOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

/** Returns the columns of a text on a terminal: East Asian characters and pictures need two, combining marks none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) if (!/\p{Mark}/u.test(character)) width += WIDE.test(character) ? 2 : 1;
  return width;
}

const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{10000}-\u{10ffff}]/u;

/** Returns the columns of a terminal; 80 if it does not know them. */
export function columnsOf({ columns }: NodeJS.WriteStream): number {
  return columns || 80;
}
