import { toDuplex } from '@entropynet/streams';
import type { Port, Subject } from '../subject.js';
import { joinEntropyNet, serveEntropyNet } from './entropynet.js';
import { streamPortOf } from './stream-port.js';

/** EntropyNet as a stream of bytes, default configuration. */
function streamSubject(name: string, isSharedMemory: boolean): Subject {
  const what = isSharedMemory ? ({ name, wait: 'adaptive' } as const) : { name };
  return {
    name,
    kind: 'entropynet',
    isExtra: true,
    workloads: ['streams'],
    async serve(startPeer, folder): Promise<Port> {
      const { handle, networking } = await serveEntropyNet(what, startPeer, folder);
      return streamPortOf(toDuplex(handle), () => networking.close());
    },
    async join(address, folder): Promise<Port> {
      const { handle, networking } = await joinEntropyNet(what, address, folder);
      return streamPortOf(toDuplex(handle), () => networking.close());
    },
  };
}

export const sharedMemoryStream = streamSubject('EntropyNet shm stream', true);
export const webSocketStream = streamSubject('EntropyNet ws stream', false);
