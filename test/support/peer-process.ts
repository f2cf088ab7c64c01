import { loadTransport, PeerActions, type PeerModule } from './peer-actions.js';
import { PEER_READY, runRequest, type PeerRequest } from './peer-protocol.js';

// A forked process that does what its parent asks; its one argument names the transport.
const actions = new PeerActions(await loadTransport(JSON.parse(process.argv[2]!) as PeerModule));
process.on('message', (request: PeerRequest) => {
  void runRequest(actions, request).then((reply) => process.send?.(reply));
});
// A parent that died leaves no peer behind.
process.on('disconnect', () => process.exit(0));
process.send!(PEER_READY);
