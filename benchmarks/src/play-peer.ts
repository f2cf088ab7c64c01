import { nativeCallCount } from './native-calls.js';
import { LAST_BYTE, numberIn, type Port, Task } from './subject.js';
import { Watch } from './watch.js';

/** Plays the other end of every workload on a port. */
export async function playPeer(port: Port): Promise<void> {
  const watch = new Watch();
  let count = 0;
  let isDamaged = false;

  const onMessage = (message: Uint8Array): void => {
    switch (message[0]) {
      case Task.Echo:
        port.send(message);
        break;
      case Task.EchoUntouched:
        port.sendUntouched?.(Task.EchoUntouched, message.length);
        break;
      case Task.Count:
        count += 1;
        if (message[message.length - 1] !== LAST_BYTE) isDamaged = true;
        break;
      case Task.Bytes:
        port.bytes?.receive(numberIn(message), (isWhole) => {
          answer(port, Task.Bytes, Number(isWhole));
        });
        break;
      case Task.Connect:
        void port.connectMore?.(numberIn(message)).then((milliseconds) => {
          answer(port, Task.Connect, milliseconds);
        });
        break;
      default:
        perform(message[0] ?? 0);
    }
  };

  const onMessageInPlace = (bytes: Uint8Array, start: number, end: number): void => {
    switch (bytes[start]) {
      case Task.Echo:
        port.inPlace?.send(Task.Echo, end - start);
        break;
      case Task.Count:
        count += 1;
        if (bytes[end - 1] !== LAST_BYTE) isDamaged = true;
        break;
      default:
        perform(bytes[start] ?? 0);
    }
  };

  const perform = (task: number): void => {
    switch (task) {
      case Task.Total:
        answer(port, Task.Total, isDamaged ? Number.NaN : count);
        count = 0;
        break;
      case Task.NativeCalls:
        answer(port, Task.NativeCalls, nativeCallCount());
        break;
      case Task.Watch:
        watch.start();
        answer(port, Task.Watch, 0);
        break;
      case Task.Watched:
        answer(port, Task.Watched, ...watch.stop());
        break;
      default: {
        const { user, system } = process.cpuUsage();
        answer(port, Task.ProcessorTime, user + system);
      }
    }
  };

  if (port.inPlace === undefined) port.onMessage(onMessage);
  else port.inPlace.onMessage(onMessageInPlace);
  for (const channel of ['control', 'asset-upload']) {
    const opened = await port.openChannel?.(channel);
    opened?.onMessage((message) => {
      if (message[0] === Task.Echo) opened.send(message);
      else onMessage(message);
    });
  }
}

function answer(to: Port, task: number, ...values: readonly number[]): void {
  const message = new Uint8Array(8 + 8 * values.length);
  message[0] = task;
  new Float64Array(message.buffer, 8).set(values);
  to.send(message);
}
