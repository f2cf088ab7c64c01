import type { Subject } from '../subject.js';
import { entropyNetSubjects } from './entropynet.js';
import { processIpc } from './process-ipc.js';
import { rawWs } from './raw-ws.js';
import { unixSocket } from './unix-socket.js';

/** Everything that is measured, in the order of the table. */
export const subjects: readonly Subject[] = [...entropyNetSubjects, rawWs, unixSocket, processIpc];

/** What the others are compared with. */
export const REFERENCE = rawWs.name;
