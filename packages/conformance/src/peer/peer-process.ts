import { loadTransport, PeerActions } from './peer-actions.js';
import type { PeerModule } from './peer-module.js';
import { serveParent } from './peer-protocol.js';

// A forked process that runs the requests of its parent. Its one argument names the transport.
serveParent(new PeerActions(await loadTransport(JSON.parse(process.argv[2]!) as PeerModule)));
