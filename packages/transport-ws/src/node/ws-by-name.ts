/** The library `ws`, found as every package is. */
export { WebSocket, WebSocketServer } from 'ws';
