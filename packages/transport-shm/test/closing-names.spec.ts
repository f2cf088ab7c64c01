import { rmSync } from 'node:fs';
import { until } from '@entropynet/conformance/tools';
import { ok, type Result, unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { NameClaim } from '@entropynet/transport-shm/internal/discovery/name-claim';
import type { LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import { leaveOut } from '@entropynet/test/support/leave-out';
import { describeWithScene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { expect } from 'chai';

/** A socket without a name, at which one client waits. It notes the calls. */
class OldSocket {
  readonly calls: string[] = [];
  readonly closed: Promise<void>;
  #onClosed: () => void = () => undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  accept(): unknown {
    this.calls.push('accept');
    return null;
  }

  close(): void {
    this.calls.push('close');
    this.#onClosed();
  }
}

/** A server whose names are made again after it stopped accepting, and before it frees them. */
class LateServer extends SharedMemoryServer {
  onStopped: () => void = () => undefined;
  renewed: Promise<void> = Promise.resolve();

  protected override doStopAccepting(): void {
    super.doStopAccepting();
    this.onStopped();
  }

  protected override async doClose(): Promise<void> {
    await this.renewed;
    await super.doClose();
  }
}

describeWithScene('a shared-memory server that closes while it makes its names again', (scene) => {
  it('accepts nobody at the socket without a name, and closes it', async function () {
    if (process.platform === 'win32') leaveOut(this, "nothing removes a pipe's name on Windows");
    const server = new LateServer(scene().config);
    scene().onClose(() => server.close());
    unwrap(await server.listen());
    const old = new OldSocket();
    let isRenewing = false;
    const { renew } = NameClaim.prototype;
    NameClaim.prototype.renew = () => {
      isRenewing = true;
      return new Promise<Result<LocalSocket | undefined>>((resolve) => {
        server.onStopped = () => {
          resolve(ok(old as unknown as LocalSocket));
        };
      });
    };
    try {
      for (const name of scene().names()) rmSync(`${scene().directory}/${name}`);
      await until(() => isRenewing, 'the server makes its names again');
      server.renewed = old.closed;
      unwrap(await server.close());
    } finally {
      NameClaim.prototype.renew = renew;
    }
    expect(old.calls).to.deep.equal(['close']);
  });
});
