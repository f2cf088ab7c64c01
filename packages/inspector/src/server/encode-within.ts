import type { InspectorState } from '../state.js';

/**
 * Encodes the state in at most `mostBytes` bytes. If it is longer, each process keeps only as many connections as fit,
 * and `leftOut` is the number of the others.
 */
export function encodeWithin(
  state: InspectorState,
  mostBytes: number,
  encode: (state: InspectorState) => Uint8Array,
): Uint8Array {
  let most = Math.max(0, ...state.processes.map(({ report }) => report.connections.length));
  for (;;) {
    const bytes = encode(cutTo(state, most));
    if (bytes.length <= mostBytes || most === 0) return bytes;
    most = Math.min(Math.floor((most * mostBytes) / bytes.length), most - 1);
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
