/** A column of a table: its contents, and the value by which its rows are sorted. */
export interface Column<Row> {
  readonly id: string;
  readonly label: string;
  /** Numbers are aligned right, and sorted with the largest first. */
  readonly isNumber?: boolean;
  /**
   * Bytes a second. The column has the width of the longest such text, so that rows do not move when the numbers
   * change.
   */
  readonly isRate?: boolean;
  /** Whether a group shows the sum. */
  readonly isSummed?: boolean;
  /** The text of the cell. The search looks through it, and exports contain it. */
  readonly text: (row: Row) => string;
  /** The number for the text. */
  readonly value?: (row: Row) => number;
  /** Returns a sum in a form for people. */
  readonly format?: (value: number) => string;
  /** The drawing in place of the text. */
  readonly cell?: (row: Row) => unknown;
}

/** A set of rows that the reader can choose. */
export interface Filter<Row> {
  readonly label: string;
  readonly test: (row: Row) => boolean;
}

/** The reader's choices for the table. */
export interface TableChoice {
  query: string;
  sortId: string;
  isDescending: boolean;
  filter: string;
  groupBy: string;
  page: number;
  /** The open groups. */
  readonly openGroups: Set<string>;
  /** The rows with visible details. */
  readonly openRows: Set<string>;
  /** The row that the next drawing must show. */
  reveal: string | undefined;
}

/** The number of rows of one page. */
export const PAGE_ROWS = 50;

export function newChoice(sortId: string, isDescending = false): TableChoice {
  return {
    ...{ query: '', sortId, isDescending, filter: '', groupBy: '', page: 0, reveal: undefined },
    ...{ openGroups: new Set<string>(), openRows: new Set<string>() },
  };
}

/** A line of the table. */
export type Line<Row> =
  | { readonly kind: 'row'; readonly row: Row }
  | { readonly kind: 'group'; readonly name: string; readonly rows: readonly Row[]; readonly isOpen: boolean };

/** The part of a table that is drawn. */
export interface Arrangement<Row> {
  /** Every row that matches search and filter, in order. */
  readonly matching: readonly Row[];
  readonly lines: readonly Line<Row>[];
  /** The number of lines of all pages. */
  readonly lineCount: number;
  readonly page: number;
  readonly pageCount: number;
}

/** The parts of a table. */
export interface TableKind<Row> {
  readonly columns: readonly Column<Row>[];
  readonly filters: Readonly<Record<string, Filter<Row>>>;
  readonly groups: Readonly<Record<string, { readonly label: string; readonly of: (row: Row) => string }>>;
  readonly keyOf: (row: Row) => string;
}

/** Searches, filters, sorts, groups and makes pages. */
export function arrange<Row>(kind: TableKind<Row>, rows: readonly Row[], choice: TableChoice): Arrangement<Row> {
  const matching = sortRows(kind, matchingRows(kind, rows, choice), choice);
  const lines = linesOf(kind, matching, choice);
  const pageCount = Math.max(1, Math.ceil(lines.length / PAGE_ROWS));
  const { reveal } = choice;
  if (reveal !== undefined) {
    const index = lines.findIndex((line) => line.kind === 'row' && kind.keyOf(line.row) === reveal);
    if (index >= 0) choice.page = Math.floor(index / PAGE_ROWS);
  }
  const page = Math.min(choice.page, pageCount - 1);
  return {
    matching,
    lines: lines.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS),
    lineCount: lines.length,
    page,
    pageCount,
  };
}

function matchingRows<Row>(kind: TableKind<Row>, rows: readonly Row[], { query, filter }: TableChoice): Row[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const test = kind.filters[filter]?.test;
  return rows.filter((row) => {
    if (test !== undefined && !test(row)) return false;
    if (words.length === 0) return true;
    const text = kind.columns
      .map((column) => column.text(row))
      .join('\n')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function sortRows<Row>(kind: TableKind<Row>, rows: Row[], { sortId, isDescending }: TableChoice): Row[] {
  const column = kind.columns.find(({ id }) => id === sortId);
  if (column === undefined) return rows;
  const { value, text } = column;
  const sign = isDescending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: value ? value(row) : text(row) }));
  // Equal rows keep their order, so that no row moves without a reason.
  keyed.sort((left, right) => sign * compare(left.key, right.key));
  return keyed.map(({ row }) => row);
}

function compare(left: number | string, right: number | string): number {
  if (typeof left === 'string' || typeof right === 'string') return String(left).localeCompare(String(right), 'en');
  return left - right;
}

function linesOf<Row>(kind: TableKind<Row>, rows: readonly Row[], { groupBy, openGroups }: TableChoice): Line<Row>[] {
  const group = kind.groups[groupBy];
  if (group === undefined) return rows.map((row) => ({ kind: 'row', row }));
  const byName = new Map<string, Row[]>();
  for (const row of rows) {
    const name = group.of(row);
    const members = byName.get(name);
    if (members === undefined) byName.set(name, [row]);
    else members.push(row);
  }
  return [...byName].flatMap(([name, members]): Line<Row>[] => {
    const isOpen = openGroups.has(name);
    const head: Line<Row> = { kind: 'group', name, rows: members, isOpen };
    return isOpen ? [head, ...members.map((row): Line<Row> => ({ kind: 'row', row }))] : [head];
  });
}

/** Returns the rows as comma-separated values (RFC 4180), with a line of names. */
export function csvOf<Row>({ columns }: TableKind<Row>, rows: readonly Row[]): string {
  const lines = [
    columns.map(({ label }) => label),
    ...rows.map((row) => columns.map((column) => csvValue(column, row))),
  ];
  return lines.map((line) => `${line.map(quoted).join(',')}\r\n`).join('');
}

function csvValue<Row>({ value, text }: Column<Row>, row: Row): string {
  if (value === undefined) return asText(text(row));
  const number = value(row);
  return Number.isFinite(number) ? String(number) : '';
}

/**
 * Returns a text that a spreadsheet does not run as a formula: an apostrophe comes first, because peers choose the
 * texts.
 */
function asText(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
