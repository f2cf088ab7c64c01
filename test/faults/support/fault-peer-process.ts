import { loadTransport, type PeerModule, serveParent } from '@entropynet/conformance/tools';
import { FaultPeerActions } from './fault-peer-actions.js';
import { defineSteps } from './steps.js';

// A forked process that runs the requests of its parent. Its one argument names the transport, which may have steps.
defineSteps();
serveParent(new FaultPeerActions(await loadTransport(JSON.parse(process.argv[2]!) as PeerModule)));
