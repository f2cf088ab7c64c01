import type { Subject } from '../subject.js';
import { bareRingAsleep } from './bare-ring-asleep.js';
import { bareRingSubjects } from './bare-ring.js';
import { entropyNetNats } from './entropynet-nats.js';
import { entropyNetSubjects } from './entropynet.js';
import { fragmentingPages } from './fragmenting-pages.js';
import { sharedMemoryStream, webSocketStream } from './entropynet-streams.js';
import { messagePort } from './message-port.js';
import { nodeToNative, nodeToPython } from './native-peers.js';
import { processIpcSubjects } from './process-ipc.js';
import { rawNats } from './raw-nats.js';
import { rawWs, rawWsMemoryKept, rawWsStream } from './raw-ws.js';
import { unixSocket } from './unix-socket.js';
import { zeroMq } from './zeromq.js';

/** Everything that is measured, in the order of the tables. */
export const subjects: readonly Subject[] = [
  ...entropyNetSubjects,
  nodeToNative,
  nodeToPython,
  ...bareRingSubjects,
  bareRingAsleep,
  sharedMemoryStream,
  webSocketStream,
  entropyNetNats,
  rawNats,
  rawWs,
  rawWsMemoryKept,
  rawWsStream,
  ...fragmentingPages,
  unixSocket,
  ...processIpcSubjects,
  zeroMq,
  messagePort,
];

/** What the others are compared with, if they have nothing of their own kind. */
export const REFERENCE = rawWs.name;
