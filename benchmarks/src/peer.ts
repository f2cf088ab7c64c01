/** The other process or thread. Arguments: the subject's name, the address, the folder, whether native calls are counted. */
import { countNativeCalls } from './native-calls.js';
import { playPeer } from './play-peer.js';
import { subjects } from './subjects/index.js';

const [name, address = '', folder = '', counting] = process.argv.slice(2);
if (counting === 'true') countNativeCalls();
const subject = subjects.find((each) => each.name === name);
if (subject?.join === undefined) throw new Error(`there is no subject '${name ?? ''}' with another process`);
await playPeer(await subject.join(address, folder));
