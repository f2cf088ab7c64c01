/**
 * The core of EntropyNet: the interfaces of connections and transports, and the behaviour that all transports share.
 *
 * @packageDocumentation
 */
export { EntropyObject, INVALID_HANDLE_INDEX } from './object/entropy-object.js';
export type { TypeInfo } from './object/type-info.js';
export type { WeakReference } from './object/weak-reference.js';
export { classHashOf } from './object/class-hash.js';
export {
  NETWORK_ERROR_CODES,
  NetworkError,
  type NetworkErrorCode,
  type SerializedError,
} from './result/network-error.js';
export {
  checkConnection,
  checkOptions,
  faultOfOptions,
  type OptionKind,
  type OptionKinds,
  SIGNAL_OPTION,
  type SignalOptions,
} from './config/call-options.js';
export { describeThrown } from './result/describe-thrown.js';
export { kindOf, numberOrKind } from './result/kind-of.js';
export { printable } from './result/printable.js';
export { redactEndpoint, redactText } from './result/redact.js';
export { receiveShortage, sendShortage, shortageOf } from './result/shortage.js';
export { err, OK, ok, RESOLVED_OK, unwrap, type Failure, type Result, type Success } from './result/result.js';
export {
  CHANNEL_ASSET_DOWNLOAD,
  CHANNEL_ASSET_UPLOAD,
  CHANNEL_CONTROL,
  ConnectionBackend,
  ConnectionState,
  ConnectionType,
  type CloseReason,
  type ConnectionStats,
  type InPlaceCallbackOptions,
  type InPlaceMessageCallback,
  type InPlaceWriter,
  type MessageCallback,
  type MessageCallbackOptions,
  type MessageOwnership,
  type MessagesOptions,
  type StateCallback,
  type UnconfirmedSends,
} from './api/connection-types.js';
export type { ConnectionPeer, PeerCertificate, PeerRequest, PeerTls } from './api/connection-peer.js';
export type {
  Channel,
  ChannelEvents,
  ChannelStats,
  ConsumerLease,
  ConsumerOptions,
  MessageConsumer,
} from './api/channel.js';
export type { Connection } from './api/connection.js';
export type { ConnectionEvents } from './api/connection-events.js';
export {
  changeConfig,
  resolveConnectionConfig,
  resolveOwnConfig,
  type ConnectionConfig,
  type ResolvedConnectionConfig,
  type ServerConfig,
} from './config/connection-config.js';
export type { CommonConfig, CommonOptions, ReconnectConfig, ReconnectOptions } from './config/common-options.js';
export * as optionSchemas from './config/option-schemas.js';
export type { NumberInRange, NumberRange } from './config/option-schemas.js';
// By star, so that packages can merge declarations into the interfaces of this module.
export * from './config/transport-sections.js';
export { parseEndpoint, type Endpoint } from './config/endpoint.js';
export { servingTransports } from './config/serving-transports.js';
export { checkCallback } from './lifecycle/callback-guard.js';
export { messageBytes } from './channels/message-bytes.js';
export { checkChannelName, MAX_CHANNEL_NAME_BYTES } from './channels/channel-name.js';
export { NetworkConnection } from './lifecycle/network-connection.js';
export type { SendClaim } from './api/send-claim.js';
export type { FrameLink, FrameSink, FrameWriter } from './wire/frame-link.js';
export { channelIdOf, decodeUint32, FRAME_COST_BYTES, frameHeader, FrameType, frameTypeOf } from './wire/frame.js';
export {
  Capability,
  decodePeerLimits,
  encodePeerLimits,
  OWN_CAPABILITIES,
  PEER_LIMITS_BYTES,
  PROTOCOL_VERSION,
  type PeerGreeting,
  type PeerLimits,
} from './wire/peer-limits.js';
export {
  agreeOnSecret,
  SECRET_ANSWER_BYTES,
  SECRET_CHALLENGE_BYTES,
  SECRET_PROOF_BYTES,
  SecretProver,
  SecretVerifier,
  WRONG_SECRET,
} from './wire/shared-secret.js';
export { debugLog, DiagnosticsChannel, publishDiagnostics } from './diagnostics/diagnostics.js';
export { WarningLimiter } from './diagnostics/warning-limiter.js';
export type {
  BackpressureDiagnostics,
  ConnectionDiagnostics,
  FailureDiagnostics,
} from './diagnostics/connection-diagnostics.js';
export type { Admission, Admit } from './api/admission.js';
export { type AcceptPlace, AcceptQueue } from './lifecycle/accept-queue.js';
export type { BroadcastOptions, BroadcastOutcome, SkippedConnection } from './api/broadcast.js';
export { Audience } from './lifecycle/audience.js';
export { Roster } from './platform/roster.js';
export { NetworkServer } from './lifecycle/network-server.js';
export type { ConnectionServer } from './api/connection-server.js';
export {
  TRANSPORT,
  type Transport,
  type TransportBinder,
  type TransportBinding,
  type TransportCapabilities,
  type TransportModule,
  type TransportProbe,
} from './api/transport.js';
