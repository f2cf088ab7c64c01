import type { InspectorState, ProcessReport } from './state.js';

/**
 * Encodes the state in at most `mostBytes` bytes. If it is longer, each process keeps only as many connections as fit,
 * and `leftOut` is the number of the others. A state that the encoder refuses is too long, too: agents choose the length
 * of their reports, and a text of JavaScript has a limit.
 */
export function encodeWithin(
  state: InspectorState,
  mostBytes: number,
  encode: (state: InspectorState) => Uint8Array,
): Uint8Array {
  const most = Math.max(0, ...state.processes.map(({ report }) => report.connections.length));
  return shorten(most, mostBytes, (each) => encode(cutTo(state, each)));
}

/**
 * Encodes the report in at most `mostBytes` bytes: it keeps as many connections as fit. The peers of a process choose the
 * names of its channels, and so the length of its report.
 */
export function encodeReportWithin(
  report: ProcessReport,
  mostBytes: number,
  encode: (report: ProcessReport) => Uint8Array,
): Uint8Array {
  const { connections } = report;
  return shorten(connections.length, mostBytes, (most) =>
    encode({ ...report, connections: connections.slice(0, most) }),
  );
}

/** Encodes with ever fewer connections until the result fits, or has none. */
function shorten(connections: number, mostBytes: number, encode: (most: number) => Uint8Array): Uint8Array {
  let most = connections;
  for (;;) {
    const bytes = encodeOrRefuse(most, encode);
    if (bytes !== undefined && (bytes.length <= mostBytes || most === 0)) return bytes;
    most = Math.min(Math.floor(bytes === undefined ? most / 2 : (most * mostBytes) / bytes.length), most - 1);
  }
}

/** Returns undefined if the encoder throws and the content can be shorter. */
function encodeOrRefuse(most: number, encode: (most: number) => Uint8Array): Uint8Array | undefined {
  try {
    return encode(most);
  } catch (error) {
    if (most === 0) throw error;
    return undefined;
  }
}

function cutTo(state: InspectorState, most: number): InspectorState {
  let leftOut = 0;
  const processes = state.processes.map((process) => {
    const { connections, connectionCount } = process.report;
    const shown = connections.length <= most ? connections : connections.slice(0, most);
    leftOut += Math.max(connectionCount, connections.length) - shown.length;
    return { ...process, report: { ...process.report, connections: shown } };
  });
  return { ...state, processes, leftOut };
}
