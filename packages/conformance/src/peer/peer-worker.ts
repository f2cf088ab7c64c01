import { parentPort, workerData } from 'node:worker_threads';
import { loadTransport, PeerActions } from './peer-actions.js';
import type { PeerModule } from './peer-module.js';
import { PEER_READY, runRequest, type PeerRequest } from './peer-protocol.js';

// A worker thread that runs the requests of its parent. Its data names the transport.
const actions = new PeerActions(await loadTransport(workerData as PeerModule));
parentPort!.on('message', (request: PeerRequest) => {
  void runRequest(actions, request).then((reply) => parentPort!.postMessage(reply));
});
parentPort!.postMessage(PEER_READY);
