/**
 * The parts of the platform's WebSocket (WHATWG WebSockets Standard) that this package uses. A declaration of its own,
 * because the types of pages and those of Node.js conflict in one compilation.
 */
export interface PlatformWebSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

/** `readyState` of a WebSocket that is open. */
export const OPEN = 1;

/** `readyState` of a WebSocket that is over. */
export const CLOSED = 3;

/** Makes a WebSocket; undefined if the platform has none. Throws the exception of the platform. */
export function newPlatformWebSocket(url: string, protocol: string): PlatformWebSocket | undefined {
  const { WebSocket } = globalThis as { WebSocket?: new (url: string, protocol: string) => PlatformWebSocket };
  return WebSocket === undefined ? undefined : new WebSocket(url, protocol);
}
