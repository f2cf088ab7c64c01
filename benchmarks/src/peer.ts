/** The other process. Arguments: the subject's name, the address, the folder, whether native calls are counted. */
import { countNativeCalls, nativeCallCount } from './native-calls.js';
import { MESSAGE_BYTES, type Port, Task } from './subject.js';
import { subjects } from './subjects/index.js';

const [name, address = '', folder = '', counting] = process.argv.slice(2);
if (counting === 'true') countNativeCalls();
const subject = subjects.find((each) => each.name === name);
if (subject === undefined) throw new Error(`there is no subject '${name ?? ''}'`);
const port = await subject.join(address, folder);
let count = 0;
let isDamaged = false;
port.onMessage((message) => {
  switch (message[0]) {
    case Task.Echo:
      port.send(message);
      break;
    case Task.Count:
      count += 1;
      if (message[MESSAGE_BYTES - 1] !== 0xa5) isDamaged = true;
      break;
    case Task.Total:
      answer(port, Task.Total, isDamaged ? 0xffff_ffff : count);
      count = 0;
      break;
    default:
      answer(port, Task.NativeCalls, nativeCallCount());
  }
});

function answer(to: Port, task: number, value: number): void {
  const message = new Uint8Array(MESSAGE_BYTES);
  message[0] = task;
  new DataView(message.buffer).setUint32(4, value, true);
  to.send(message);
}
