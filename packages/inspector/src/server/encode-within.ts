import type { InspectorState } from '../state.js';

/**
 * The state as bytes, at most `mostBytes` of them: where it is longer, the connections of each process are cut to a number
 * that fits, and `leftOut` says how many are missing.
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
