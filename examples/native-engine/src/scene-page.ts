import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { unwrap } from '@entropynet/core';
import type { ConnectionHandle, ConnectionManager, ManagedServer } from '@entropynet/manager';
import { requestReply } from '@entropynet/messaging';
import sirv from 'sirv';
import { type Editor, Property } from './editor.js';
import { type Confirmation, FEED, NUMBERS_OF_OBJECT, type Order, orderSchema } from './protocol.js';

const FILES = fileURLToPath(new URL('./page/', import.meta.url));

/** A page that shows the editor's scene in each frame, and changes objects. */
export class ScenePage implements AsyncDisposable {
  /** The address of the page. */
  readonly address: string;
  readonly #editor: Editor;
  readonly #http: Server;
  readonly #server: ManagedServer;
  readonly #pages = new Set<ConnectionHandle>();
  readonly #picture: Float32Array;
  #isOver = false;

  private constructor(editor: Editor, http: Server, server: ManagedServer, address: string) {
    this.#editor = editor;
    this.#http = http;
    this.#server = server;
    this.address = address;
    this.#picture = new Float32Array(1 + editor.objects * NUMBERS_OF_OBJECT);
  }

  /** Serves the page on a port of this machine; 0 takes any free one. */
  static async serve(manager: ConnectionManager, editor: Editor, port: number): Promise<ScenePage> {
    const files = sirv(FILES);
    const http = createServer((request, response) => {
      files(request, response, () => {
        response.writeHead(404).end();
      });
    });
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    const server = unwrap(
      manager.createServer({
        endpoint: `ws://${host}${FEED}`,
        // The page and its connection share a port. The server refuses pages from elsewhere.
        webSocket: { server: http, allowedOrigins: [`http://${host}`] },
      }),
    );
    unwrap(await server.listen());
    const page = new ScenePage(editor, http, server, `http://${host}/`);
    void page.#acceptPages();
    void page.#showFrames();
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#server.close();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  async #acceptPages(): Promise<void> {
    for await (const page of this.#server) {
      this.#pages.add(page);
      page.on('state', (state) => {
        this.#pages.delete(page);
        // The handle of a page that has left gives its place in the manager back.
        if (state === 'disconnected' || state === 'failed') void page.close();
      });
      void this.#takeOrders(page);
    }
  }

  async #takeOrders(page: ConnectionHandle): Promise<void> {
    const requests = await requestReply<Order, Confirmation>(page, { requestSchema: orderSchema });
    // A page that gets no answers learns it by the end of its connection.
    if (!requests.ok) await page.close();
    else {
      requests.value.handle(async ({ object, opacity }) => {
        if (object >= this.#editor.objects) throw new RangeError(`there is no object ${object}`);
        return { frames: await this.#editor.change(object, Property.Opacity, opacity) };
      });
    }
  }

  /** Sends each frame. A page that can't keep up misses frames; the editor never waits for it. */
  async #showFrames(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#editor.nextFrame();
      } catch {
        // The engine has ended, and the example ends with it.
        return;
      }
      if (this.#pages.size === 0) continue;
      const picture = new Uint8Array(this.#draw().buffer);
      for (const page of this.#pages) page.trySend(picture);
    }
  }

  #draw(): Float32Array {
    const picture = this.#picture;
    picture[0] = this.#editor.frames;
    for (let object = 0; object < this.#editor.objects; object += 1) {
      const first = 1 + object * NUMBERS_OF_OBJECT;
      picture[first] = this.#editor.get(object, Property.X);
      picture[first + 1] = this.#editor.get(object, Property.Y);
      picture[first + 2] = this.#editor.get(object, Property.Opacity);
    }
    return picture;
  }
}
