import { until } from '@entropynet/conformance/tools';
import { Heartbeat } from '@entropynet/core/platform';
import { expect } from 'chai';
import { once } from 'node:events';

describe('a heartbeat', () => {
  it('calls the other members if one throws, and warns the process', async () => {
    let beats = 0;
    const warned = once(process, 'warning') as Promise<[Error]>;
    const leaveBroken = Heartbeat.join(7, {
      onBeat: () => {
        throw new Error('this member is broken');
      },
    });
    const leave = Heartbeat.join(7, { onBeat: () => (beats += 1) });
    await until(() => beats >= 2, 'the other member had two beats');
    leave();
    leaveBroken();
    const [warning] = await warned;
    expect(warning).to.include({
      code: 'CallbackFailed',
      message: 'a member of a heartbeat failed: this member is broken',
    });
  });
});
