/** The other process or thread. Arguments: the subject's name, the address, the folder, whether native calls are counted. */
import { endWithParent } from './end-with-parent.js';
import { countNativeCalls } from './native-calls.js';
import { playPeer } from './play-peer.js';
import { loadSubject } from './subjects/load-subject.js';

const [name = '', address = '', folder = '', counting] = process.argv.slice(2);
if (counting === 'true') countNativeCalls();
endWithParent();
const subject = await loadSubject(name);
if (subject.join === undefined) throw new Error(`the subject '${name}' has no other process`);
await playPeer(await subject.join(address, folder));
