import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import {
  type Arrangement,
  arrange,
  type Column,
  csvOf,
  type Line,
  PAGE_ROWS,
  type TableChoice,
  type TableKind,
} from './table.js';

/** The values for drawing a table. */
export interface TableProperties<Row> extends TableKind<Row> {
  /** The prefix of the names of the table's elements. */
  readonly id: string;
  readonly rows: readonly Row[];
  readonly choice: TableChoice;
  /** The noun for a row, for counts: 'end', 'region'. */
  readonly noun: string;
  readonly details?: (row: Row) => TemplateResult;
  readonly redraw: () => void;
}

/** Returns a table with search, filter, sorting, groups and export above it, and pages below. */
export function tableView<Row>(properties: TableProperties<Row>): TemplateResult {
  const arrangement = arrange(properties, properties.rows, properties.choice);
  return html`${toolbar(properties, arrangement)}${body(properties, arrangement)}${pager(properties, arrangement)}`;
}

function change(event: Event): string {
  return (event.currentTarget as HTMLInputElement | HTMLSelectElement).value;
}

function toolbar<Row>(properties: TableProperties<Row>, { matching }: Arrangement<Row>): TemplateResult {
  const { id, rows, choice, noun, columns, filters, groups, redraw } = properties;
  const set = (own: Partial<TableChoice>): void => {
    Object.assign(choice, { page: 0, reveal: undefined }, own);
    redraw();
  };
  const sorted = columns.find((column) => column.id === choice.sortId);
  const options = (entries: readonly (readonly [string, string])[], chosen: string): TemplateResult[] =>
    entries.map(([value, label]) => html`<option value=${value} ?selected=${value === chosen}>${label}</option>`);
  const count =
    matching.length === rows.length ? `${rows.length} ${noun}` : `${matching.length} of ${rows.length} ${noun}`;
  return html`<div class="toolbar" role="search" aria-label=${noun}>
    <input
      type="search"
      placeholder="Search"
      aria-label="Search ${noun}"
      .value=${choice.query}
      @input=${(event: Event) => {
        set({ query: change(event) });
      }}
    />
    ${
      Object.keys(filters).length === 0
        ? nothing
        : html`<label
            >Show
            <select
              @change=${(event: Event) => {
                set({ filter: change(event) });
              }}
            >
              ${options([['', 'all'], ...Object.entries(filters).map(([key, { label }]) => [key, label] as const)], choice.filter)}
            </select></label
          >`
    }
    ${
      Object.keys(groups).length === 0
        ? nothing
        : html`<label
            >Group by
            <select
              @change=${(event: Event) => {
                set({ groupBy: change(event) });
              }}
            >
              ${options([['', 'nothing'], ...Object.entries(groups).map(([key, { label }]) => [key, label] as const)], choice.groupBy)}
            </select></label
          >`
    }
    <label
      >Sort by
      <select
        @change=${(event: Event) => {
          const sortId = change(event);
          set({ sortId, isDescending: columns.find((column) => column.id === sortId)?.isNumber === true });
        }}
      >
        ${options(
          columns.map((column) => [column.id, column.label] as const),
          choice.sortId,
        )}
      </select></label
    >
    <button
      type="button"
      class="order"
      aria-label=${`${sorted?.label ?? ''}: ${choice.isDescending ? 'descending' : 'ascending'}; reverse`}
      @click=${() => {
        set({ isDescending: !choice.isDescending });
      }}
    >
      ${choice.isDescending ? '↓' : '↑'}
    </button>
    <output class="count">${count}</output>
    <button
      type="button"
      @click=${() => {
        download(`${id}.csv`, 'text/csv', csvOf(properties, matching));
      }}
    >
      CSV
    </button>
  </div>`;
}

function body<Row>(properties: TableProperties<Row>, { lines }: Arrangement<Row>): TemplateResult {
  const { id, choice, columns, keyOf, redraw } = properties;
  if (lines.length === 0) return html`<p class="empty">No row matches the search.</p>`;
  const sortBy = ({ id: sortId, isNumber = false }: Column<Row>): void => {
    const isDescending = choice.sortId === sortId ? !choice.isDescending : isNumber;
    Object.assign(choice, { sortId, isDescending, page: 0, reveal: undefined });
    redraw();
  };
  return html`<div class="frame">
    <table id=${`${id}-table`}>
      <thead>
        <tr>
          ${columns.map(
            (column) =>
              html`<th
                scope="col"
                class=${classOf(column)}
                aria-sort=${choice.sortId !== column.id ? 'none' : choice.isDescending ? 'descending' : 'ascending'}
              >
                <button
                  type="button"
                  @click=${() => {
                    sortBy(column);
                  }}
                >
                  ${column.label}
                </button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${repeat(
          lines,
          (line) => (line.kind === 'row' ? keyOf(line.row) : `group ${line.name}`),
          (line) => lineView(properties, line),
        )}
      </tbody>
    </table>
  </div>`;
}

function lineView<Row>(properties: TableProperties<Row>, line: Line<Row>): TemplateResult {
  return line.kind === 'group' ? groupView(properties, line) : rowView(properties, line.row);
}

function groupView<Row>(
  { columns, choice, noun, redraw }: TableProperties<Row>,
  { name, rows, isOpen }: Extract<Line<Row>, { kind: 'group' }>,
): TemplateResult {
  const toggle = (): void => {
    if (isOpen) choice.openGroups.delete(name);
    else choice.openGroups.add(name);
    redraw();
  };
  const firstSummed = columns.findIndex(({ isSummed }) => isSummed === true);
  const span = firstSummed < 0 ? columns.length : firstSummed;
  return html`<tr class="group">
    <th scope="rowgroup" colspan=${span}>
      <button type="button" class="toggle" aria-expanded=${isOpen} @click=${toggle}>
        <span class="name">${name}</span> <span class="soft">${rows.length} ${noun}</span>
      </button>
    </th>
    ${columns.slice(span).map(({ label, isSummed, value, format }) => {
      const sum = rows.reduce((total, row) => total + (value?.(row) || 0), 0);
      return html`<td class="number" data-label=${label}>${isSummed === true ? (format?.(sum) ?? sum) : nothing}</td>`;
    })}
  </tr>`;
}

function rowView<Row>(properties: TableProperties<Row>, row: Row): TemplateResult {
  const { columns, choice, keyOf, details, redraw } = properties;
  const key = keyOf(row);
  const isOpen = choice.openRows.has(key);
  const toggle = (): void => {
    if (isOpen) choice.openRows.delete(key);
    else choice.openRows.add(key);
    redraw();
  };
  const first = columns[0];
  const content = (column: Column<Row>): unknown => column.cell?.(row) ?? column.text(row);
  return html`<tr class=${choice.reveal === key ? 'row revealed' : 'row'} data-key=${key}>
      ${columns.map(
        (column) =>
          html`<td class=${classOf(column)} data-label=${column.label}>
            ${
              column === first && details !== undefined
                ? html`<button type="button" class="toggle" aria-expanded=${isOpen} @click=${toggle}>
                    ${content(column)}
                  </button>`
                : content(column)
            }
          </td>`,
      )}
    </tr>
    ${
      isOpen && details !== undefined
        ? html`<tr class="details">
            <td colspan=${columns.length}>${details(row)}</td>
          </tr>`
        : nothing
    }`;
}

function pager<Row>(
  { choice, redraw }: TableProperties<Row>,
  { page, pageCount, lineCount }: Arrangement<Row>,
): unknown {
  if (pageCount === 1) return nothing;
  const go = (to: number) => (): void => {
    Object.assign(choice, { page: to, reveal: undefined });
    redraw();
  };
  const first = page * PAGE_ROWS + 1;
  return html`<nav class="pager" aria-label="Pages">
    <button type="button" ?disabled=${page === 0} @click=${go(0)}>First</button>
    <button type="button" ?disabled=${page === 0} @click=${go(page - 1)}>Previous</button>
    <span>${first}–${Math.min(first + PAGE_ROWS - 1, lineCount)} of ${lineCount}</span>
    <button type="button" ?disabled=${page === pageCount - 1} @click=${go(page + 1)}>Next</button>
    <button type="button" ?disabled=${page === pageCount - 1} @click=${go(pageCount - 1)}>Last</button>
  </nav>`;
}

function classOf<Row>({ isNumber, isRate }: Column<Row>): string {
  if (isRate === true) return 'number rate';
  return isNumber === true ? 'number' : '';
}

/** Downloads a file for the reader. */
export function download(name: string, type: string, text: string): void {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(new Blob([text], { type }));
  anchor.download = name;
  anchor.click();
  // The browser has its own reference after the download has begun.
  setTimeout(() => {
    URL.revokeObjectURL(anchor.href);
  }, 10_000);
}
