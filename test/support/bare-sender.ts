import { ChannelTable } from '@entropynet/core/internal/channels/channel-table';
import { MessageSender } from '@entropynet/core/internal/channels/message-sender';

/** Returns the outgoing half of a connection, whose link the test starts and stops, with its channels. */
export function bareSender(): { readonly sender: MessageSender; readonly table: ChannelTable } {
  const config = { maxMessageSize: 1 << 20, sendTimeoutMs: 60_000, sendQueueBytes: 1 << 20, maxChannels: 4 };
  const table = new ChannelTable({ ...config, channelWindow: 65_536 });
  const ignore = (): void => undefined;
  const sender = new MessageSender(table, config, {
    onOpened: ignore,
    onDrain: ignore,
    onBackpressure: ignore,
    onLost: () => false,
  });
  return { sender, table };
}
