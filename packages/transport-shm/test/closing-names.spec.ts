import { chmodSync, rmSync } from 'node:fs';
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

/** A user that owns no files, as Debian's `nobody`. */
const WITHOUT_RIGHTS = 65_534;

/** Does the work while this process may read the directory, and not change it. */
async function withoutRightToWrite(directory: string, work: () => Promise<void>): Promise<void> {
  const isSuperuser = process.geteuid?.() === 0;
  chmodSync(directory, 0o555);
  // A mode does not bind the superuser.
  if (isSuperuser) process.seteuid?.(WITHOUT_RIGHTS);
  try {
    await work();
  } finally {
    if (isSuperuser) process.seteuid?.(0);
    chmodSync(directory, 0o700);
  }
}

describeWithScene('a shared-memory server that closes in a directory that it may no longer change', (scene) => {
  it('keeps no socket and no lock: another server gets the name, and removes the files', async function () {
    if (process.platform === 'win32') leaveOut(this, 'Windows has no file modes');
    const server = await scene().server();
    await withoutRightToWrite(scene().directory, async () => {
      unwrap(await server.close());
    });
    expect(scene().names()).to.have.length(2);
    const next = await scene().server();
    await scene().pair(next);
    unwrap(await next.close());
    expect(scene().names()).to.deep.equal([]);
  });
});

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
