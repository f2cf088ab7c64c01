import { loadTransport, type PeerModule, serveParent } from '@entropynet/conformance/tools';
import { FaultPeerActions } from './fault-peer-actions.js';

// A forked process that does what its parent asks; its one argument names the transport.
serveParent(new FaultPeerActions(await loadTransport(JSON.parse(process.argv[2]!) as PeerModule)));
