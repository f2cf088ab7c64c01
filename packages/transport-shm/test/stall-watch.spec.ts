import { StallWatch, type Watched } from '@entropynet/transport-shm/internal/wait/stall-watch';
import { expect } from 'chai';

/** A connection that counts the checks, and says whether its peer has read everything. */
class CountingConnection implements Watched {
  checks = 0;
  wakeChecks = 0;
  readonly failures: unknown[] = [];
  hasPeerReadAll = true;
  /** Called at each check. */
  onCheck: () => void = () => undefined;

  checkResponsiveness(): boolean {
    this.checks += 1;
    this.onCheck();
    return !this.hasPeerReadAll;
  }

  checkMissedWake(): void {
    this.wakeChecks += 1;
  }

  fail(error: unknown): void {
    this.failures.push(error);
  }
}

describe('the watch over the peers of a thread', () => {
  it('checks a peer that has read everything once, until it has something to read', () => {
    const watch = new StallWatch();
    const quiet = new CountingConnection();
    const busy = new CountingConnection();
    busy.hasPeerReadAll = false;
    watch.add(quiet);
    watch.add(busy);
    for (let look = 0; look < 3; look += 1) watch.look();
    expect([quiet.checks, busy.checks]).to.deep.equal([1, 3]);
    watch.expectProgress(quiet);
    watch.look();
    watch.look();
    expect([quiet.checks, busy.checks]).to.deep.equal([2, 5]);
    watch.remove(quiet);
    watch.remove(busy);
  });

  it('looks for lost wakes of every connection, once in four looks', () => {
    const watch = new StallWatch();
    const quiet = new CountingConnection();
    watch.add(quiet);
    for (let look = 0; look < 8; look += 1) watch.look();
    expect(quiet.wakeChecks).to.equal(2);
    watch.remove(quiet);
  });

  it('does not watch a connection that is not in it', () => {
    const watch = new StallWatch();
    const other = new CountingConnection();
    const removed = new CountingConnection();
    watch.add(other);
    watch.add(removed);
    watch.remove(removed);
    watch.expectProgress(removed);
    watch.look();
    expect([other.checks, removed.checks]).to.deep.equal([1, 0]);
    watch.remove(other);
  });

  it('ends a connection that throws, and checks the others', () => {
    const watch = new StallWatch();
    const failing = new CountingConnection();
    const other = new CountingConnection();
    const error = new Error('detached');
    failing.onCheck = () => {
      throw error;
    };
    watch.add(failing);
    watch.add(other);
    watch.look();
    expect(failing.failures).to.deep.equal([error]);
    expect(other.checks).to.equal(1);
    watch.remove(failing);
    watch.remove(other);
  });
});
