/**
 * Shows the state of running EntropyNet processes: an agent reports the state of its process, and a server shows it on
 * a page.
 *
 * @packageDocumentation
 */
export { type InspectorAgent, type InspectorAgentOptions, startInspectorAgent } from './agent/inspector-agent.js';
export { type InspectorServer, type InspectorServerOptions, serveInspector } from './server/inspector-server.js';
export type {
  AgentName,
  ChannelCounts,
  ChannelReport,
  ConnectionCounts,
  ConnectionFacts,
  ConnectionReport,
  EndedReport,
  EndedState,
  FailureReport,
  FailureState,
  InspectorState,
  ProcessReport,
  ProcessState,
  ProcessTotals,
  RatedRegion,
  RatedRing,
} from './state.js';
export { INSPECTOR_ENDPOINT } from './report-schema.js';
export { withRates } from './server/rates.js';
