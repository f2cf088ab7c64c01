import type { InspectorState } from '../state.js';

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
  let most = Math.max(0, ...state.processes.map(({ report }) => report.connections.length));
  for (;;) {
    const bytes = encodeOrRefuse(cutTo(state, most), most > 0, encode);
    if (bytes !== undefined && (bytes.length <= mostBytes || most === 0)) return bytes;
    most = Math.min(Math.floor(bytes === undefined ? most / 2 : (most * mostBytes) / bytes.length), most - 1);
  }
}

/** Returns undefined if the encoder throws and the state can be shorter. */
function encodeOrRefuse(
  state: InspectorState,
  canBeShorter: boolean,
  encode: (state: InspectorState) => Uint8Array,
): Uint8Array | undefined {
  try {
    return encode(state);
  } catch (error) {
    if (!canBeShorter) throw error;
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
