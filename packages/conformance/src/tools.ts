/**
 * The tools of the suite: peers in other threads and processes, links to them, messages that both sides can make, and
 * waiting without sleeping. Use them for further tests of a transport.
 *
 * @packageDocumentation
 */
export {
  openLink,
  SIDES,
  skippedTest,
  type ChapterContext,
  type Link,
  type LinkConfig,
  type LinkOptions,
  type Side,
} from './chapter-context.js';
export { codeOf, expectLocalToHave, expectPeerToHave, failureOf, untilLocal, untilPeer } from './expectations.js';
export {
  loadTransport,
  PeerActions,
  type Outcomes,
  type PeerEnding,
  type PeerReport,
  type PeerStart,
} from './peer/peer-actions.js';
export { forkPeer, peerInProcess, spawnPeer, startPeer, type PeerHost, type Placement } from './peer/peer-host.js';
export type { PeerModule } from './peer/peer-module.js';
export { serveParent, type PeerRequest } from './peer/peer-protocol.js';
export { PendingCalls } from './peer/pending-calls.js';
export {
  fillMessage,
  labelOf,
  labelsOf,
  messageOf,
  Tally,
  type MessageRow,
  type TallySummary,
} from './support/messages.js';
export { Recorder, type ReceiveOptions } from './support/recorder.js';
export { Scope, scoped, scopedBy } from './support/scope.js';
export { turns, until, within } from './support/until.js';
