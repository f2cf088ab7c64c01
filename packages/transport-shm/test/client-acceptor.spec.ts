import { ClientAcceptor } from '@entropynet/transport-shm/internal/discovery/client-acceptor';
import type { LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import { expect } from 'chai';

/** A server with a socket of its own. The test lets clients come, and ends their handshakes. */
class ServerHarness {
  readonly acceptor = new ClientAcceptor('name', {
    socket: () => (this.isListening ? this.socket : undefined),
    hasRoom: () => this.greeted.length < this.room,
    greet: (client) => {
      this.greeted.push(client);
    },
  });
  isListening = true;
  room = 2;
  readonly greeted: LocalSocket[] = [];
  /** Clients that wait in the kernel, and what the next `accept()` throws. */
  waiting: LocalSocket[] = [];
  failure: Error | undefined;
  isReferenced = true;
  isClosed = false;
  /** The callback of the watched socket; undefined while nothing watches it. */
  watcher: (() => void) | undefined;
  #onWatched: (() => void) | undefined;

  readonly socket = {
    accept: () => {
      const { failure } = this;
      this.failure = undefined;
      if (failure !== undefined) throw failure;
      return this.waiting.shift() ?? null;
    },
    watch: (callback: () => void) => {
      this.watcher = callback;
      this.#onWatched?.();
    },
    unwatch: () => {
      this.watcher = undefined;
    },
    ref: () => {
      this.isReferenced = true;
    },
    unref: () => {
      this.isReferenced = false;
    },
    close: () => {
      this.isClosed = true;
    },
  } as unknown as LocalSocket;

  /** Resolves when the socket is watched the next time. */
  nextWatch(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWatched = resolve;
    });
  }

  come(...clients: LocalSocket[]): void {
    this.waiting.push(...clients);
    this.watcher?.();
  }
}

const newClient = (): LocalSocket => ({}) as LocalSocket;

describe('the acceptor of clients', () => {
  it('leaves clients beyond the limit of handshakes in the kernel until one ends', () => {
    const server = new ServerHarness();
    const [first, second, third] = [newClient(), newClient(), newClient()];
    server.acceptor.watch();
    server.come(first, second, third);
    expect(server.greeted).to.deep.equal([first, second]);
    expect(server.waiting).to.deep.equal([third]);
    expect(server.watcher).to.equal(undefined);
    server.acceptor.watch();
    expect(server.watcher, 'no room yet').to.equal(undefined);
    server.room = 3;
    server.acceptor.watch();
    server.watcher?.();
    expect(server.greeted[2]).to.equal(third);
  });

  it('pauses after a shortage, and accepts the same clients afterwards', async () => {
    const server = new ServerHarness();
    const client = newClient();
    server.acceptor.watch();
    server.failure = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    server.come(client);
    expect(server.watcher).to.equal(undefined);
    expect(server.greeted).to.deep.equal([]);
    server.acceptor.watch();
    expect(server.watcher, 'in the pause').to.equal(undefined);
    await server.nextWatch();
    server.watcher?.();
    expect(server.greeted).to.deep.equal([client]);
    server.acceptor.stop();
  });

  it('accepts the clients of a replaced socket, closes that socket, and watches the new one', () => {
    const server = new ServerHarness();
    const replaced = new ServerHarness();
    const client = newClient();
    replaced.waiting.push(client);
    server.acceptor.moveFrom(replaced.socket);
    expect(server.greeted).to.deep.equal([client]);
    expect(replaced.isClosed).to.equal(true);
    expect(server.watcher).to.not.equal(undefined);
  });

  it('lets the clients of a replaced socket wait there during a shortage', async () => {
    const server = new ServerHarness();
    const replaced = new ServerHarness();
    const clients = [newClient(), newClient()];
    replaced.waiting.push(...clients);
    replaced.failure = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    server.acceptor.moveFrom(replaced.socket);
    expect(server.greeted).to.deep.equal([]);
    expect(replaced.isClosed).to.equal(false);
    server.room = 3;
    await server.nextWatch();
    expect(server.greeted).to.deep.equal(clients);
    expect(replaced.isClosed).to.equal(true);
    server.acceptor.stop();
  });

  it('lets the clients of a replaced socket wait there at the limit of handshakes', () => {
    const server = new ServerHarness();
    const replaced = new ServerHarness();
    const clients = [newClient(), newClient(), newClient()];
    replaced.waiting.push(...clients);
    server.acceptor.moveFrom(replaced.socket);
    expect(server.greeted).to.deep.equal(clients.slice(0, 2));
    expect(replaced.isClosed).to.equal(false);
    server.room = 4;
    server.acceptor.watch();
    expect(server.greeted).to.deep.equal(clients);
    expect(replaced.isClosed).to.equal(true);
  });

  it('closes a replaced socket at its end', () => {
    const server = new ServerHarness();
    const replaced = new ServerHarness();
    server.room = 0;
    server.acceptor.moveFrom(replaced.socket);
    expect(replaced.isClosed).to.equal(false);
    server.acceptor.stop();
    expect(replaced.isClosed).to.equal(true);
  });

  it('watches a socket as the server wants it: keeping the process alive or not', () => {
    const server = new ServerHarness();
    server.acceptor.unref();
    server.isReferenced = true;
    server.acceptor.watch();
    expect(server.isReferenced).to.equal(false);
    server.acceptor.ref();
    expect(server.isReferenced).to.equal(true);
  });

  it('accepts nothing after its end', () => {
    const server = new ServerHarness();
    server.acceptor.watch();
    server.acceptor.stop();
    server.isListening = false;
    server.acceptor.watch();
    expect(server.watcher).to.equal(undefined);
  });
});
