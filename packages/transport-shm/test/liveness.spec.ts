import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askWhetherServed } from '@entropynet/transport-shm/internal/discovery/liveness';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import type { LocalSocket, NativeBinding } from '@entropynet/transport-shm/internal/native-binding';

/** What a system answers: to a connection with the socket, and to the question whether the region's file is locked. */
interface Answers {
  readonly connect: string;
  /** What it says of the process at the other end: nothing, or an error. */
  readonly credentials?: string;
  readonly isLocked?: boolean | string;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test says`), { code });
}

/** A platform that answers so, whatever this one is. */
function platform({ connect, credentials, isLocked = false }: Answers): NativeBinding {
  const fake: Partial<NativeBinding> = {
    LocalSocket: {
      listen: () => {
        throw new Error('nobody listens in this test');
      },
      connect: () => {
        if (connect !== 'ok') throw systemError(connect);
        const socket: Partial<LocalSocket> = {
          peerCredentials: () => {
            if (credentials !== undefined) throw systemError(credentials);
            return { processId: 17, userId: 0, groupId: 0 };
          },
          close: () => undefined,
        };
        return socket as LocalSocket;
      },
    },
    isFileLocked: () => {
      if (typeof isLocked === 'string') throw systemError(isLocked);
      return isLocked;
    },
  };
  return fake as NativeBinding;
}

describe('whether a server lives', () => {
  const names = serverNames(tmpdir(), 'a name that no server has');
  /** What is concluded where sockets are files, whatever this system is; or where they are not. */
  const ask = (answers: Answers, socketsAreFiles = true): string => {
    const asked = askWhetherServed(platform(answers), names, socketsAreFiles);
    if (!asked.ok) return asked.error.code;
    return asked.value.isLiving ? 'lives' : 'dead';
  };

  for (const connect of ['ECONNREFUSED', 'ENOENT']) {
    it(`is disproved if its socket returns ${connect} and no process holds its lock`, () => {
      expect(ask({ connect })).to.equal('dead');
      expect(ask({ connect, isLocked: 'ENOENT' })).to.equal('dead');
    });

    it(`is proved by its lock if its socket returns ${connect}, as with a full queue on macOS`, () => {
      expect(ask({ connect, isLocked: true })).to.equal('lives');
    });
  }

  it('is decided by its lock if the system has forgotten the other end (ENOTCONN on macOS)', () => {
    expect(ask({ connect: 'ok', credentials: 'ENOTCONN' })).to.equal('dead');
    expect(ask({ connect: 'ok', credentials: 'ENOTCONN', isLocked: true })).to.equal('lives');
  });

  it('is decided only by its lock if sockets are not files', () => {
    expect(ask({ connect: 'ok' }, false)).to.equal('dead');
    expect(ask({ connect: 'ok', isLocked: true }, false)).to.equal('lives');
    expect(ask({ connect: 'ok', isLocked: 'EMFILE' }, false)).to.equal('ResourceLimitExceeded');
  });

  it('is proved by a socket that answers or is full', () => {
    expect(ask({ connect: 'ok' })).to.equal('lives');
    expect(ask({ connect: 'EAGAIN' })).to.equal('lives');
  });

  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM', 'EINTR', 'ELOOP', 'EPROTOTYPE', 'EIO']) {
    it(`is unknown if the system returns ${code}`, () => {
      const expected = ['EMFILE', 'ENFILE', 'ENOMEM'].includes(code)
        ? 'ResourceLimitExceeded'
        : 'SharedMemoryPermission';
      expect(ask({ connect: code })).to.equal(expected);
      expect(ask({ connect: 'ECONNREFUSED', isLocked: code })).to.equal(expected);
    });
  }

  it('names the process that the kernel names', () => {
    const asked = askWhetherServed(platform({ connect: 'ok' }), names, true);
    expect(asked).to.deep.equal({ ok: true, value: { isLiving: true, processId: 17 } });
  });

  it('names no process if the region is invalid', () => {
    const directory = mkdtempSync(join(tmpdir(), 'entropynet-'));
    try {
      const mine = serverNames(directory, 'mine');
      writeFileSync(mine.region, 'no region');
      const asked = askWhetherServed(platform({ connect: 'EAGAIN' }), mine, true);
      expect(asked).to.deep.equal({ ok: true, value: { isLiving: true, processId: undefined } });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
