const encoder = new TextEncoder();

/** One line of a worker's log. */
export function lineOf(worker: number, index: number): Uint8Array {
  return encoder.encode(`worker=${worker} line=${index} GET /articles/${(index * 7919) % 1000} 200\n`);
}

/** The worker and the index of a line; undefined for what is none. */
export function parseLine(line: string): { readonly worker: number; readonly index: number } | undefined {
  const [, worker, index] = /^worker=(\d+) line=(\d+) GET \S+ 200$/.exec(line) ?? [];
  return index === undefined ? undefined : { worker: Number(worker), index: Number(index) };
}
