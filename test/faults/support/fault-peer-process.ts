import { loadTransport, type PeerModule } from '../../support/peer-actions.js';
import { serveParent } from '../../support/peer-protocol.js';
import { FaultPeerActions } from './fault-peer-actions.js';

// A forked process that does what its parent asks; its one argument names the transport.
serveParent(new FaultPeerActions(await loadTransport(JSON.parse(process.argv[2]!) as PeerModule)));
