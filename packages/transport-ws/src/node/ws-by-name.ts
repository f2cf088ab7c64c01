/** The library `ws`, loaded by its name. */
export { WebSocket, WebSocketServer } from 'ws';
