import { type Channel, describeThrown, type NetworkError } from '@entropynet/core';
import { type ConnectionHandle, type ManagedServer } from '@entropynet/manager';
import { type Command } from 'commander';
import { CommandFailure, ExitCode, expectOk } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import {
  addConnectionOptions,
  addServerOptions,
  type ConnectionOptions,
  serveAt,
  withManager,
} from '../support/connection-options.js';
import {
  addConversationOptions,
  checkConversation,
  type ConversationOptions,
  endOf,
  interruption,
  joinStreams,
  sendLines,
  sendMessage,
  showMessages,
} from '../support/conversation.js';
import { Outbox } from '../support/outbox.js';
import { roomIn, tell, type Terminal } from '../support/terminal.js';

interface ListenOptions extends ConnectionOptions, ConversationOptions {
  readonly echo?: true;
  readonly once?: true;
}

/** `entropynet listen` runs a server that sends each line of standard input to all of its clients. */
export function addListen(program: Command, terminal: Terminal): void {
  addConversationOptions(addServerOptions(addConnectionOptions(program.command('listen'))))
    .description('Listen, show what clients send, and send each line of standard input to all of them.')
    .option('-e, --echo', 'send each message back to its sender, on its channel; "entropynet ping" measures that')
    .option('-1, --once', 'end when the first client has left')
    .addHelpText(
      'after',
      `
Examples:
  entropynet listen chat                                  processes of this machine, through shared memory
  entropynet listen chat -f ws://127.0.0.1:8080/          and through WebSocket, too
  entropynet listen backup --stream > copy.tar            bytes of "entropynet connect backup --stream < file.tar"
  entropynet listen echo --echo                           for "entropynet ping echo"`,
    )
    .action((endpoint: string, options: ListenOptions) => listen(terminal, endpoint, options));
}

async function listen(terminal: Terminal, endpoint: string, options: ListenOptions): Promise<void> {
  checkConversation(options);
  if (options.echo === true && options.stream === true)
    throw new CommandFailure('--echo and --stream exclude each other: a stream has no messages', ExitCode.Usage);
  const config = configOf(endpoint, options);
  await withManager(terminal, async (manager) => {
    const server = await serveAt(terminal, manager, config);
    if (options.stream === true) {
      await joinStreams(terminal, expectOk(await server.accept({ signal: terminal.interrupted })), options);
      return;
    }
    await serveMessages(terminal, server, options);
  });
}

async function serveMessages(terminal: Terminal, server: ManagedServer, options: ListenOptions): Promise<void> {
  const outboxes = new Map<number, Outbox>();
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, terminal.interrupted]);
  // A server continues after the end of standard input, because it may have had none from the start.
  const broadcast = async (data: Uint8Array): Promise<boolean> => {
    const all = [...outboxes.values()];
    await Promise.all(all.map((outbox) => outbox.room()));
    for (const outbox of all) outbox.offer(data);
    return true;
  };
  const typing = sendLines(terminal, broadcast, options, signal).catch((error: unknown) => {
    tell(terminal, `entropynet: ${describeThrown(error)}`);
  });
  let number = 0;
  for (;;) {
    // A client that leaves keeps what was not printed, so no more clients come while nobody reads the output.
    if (terminal.output.writableNeedDrain) await Promise.race([roomIn(terminal.output), interruption(terminal)]);
    const accepted = await server.accept({ signal });
    if (!accepted.ok) break;
    const client = accepted.value;
    number += 1;
    const own = number;
    const name = `[${own}]`;
    outboxes.set(
      own,
      new Outbox({
        send: (data) => sendMessage(terminal, client, data, options),
        onFailure: (failure) => {
          tell(terminal, `${name} ${failure}`);
        },
      }),
    );
    tell(terminal, `${name} connected over ${client.getBackend() ?? 'nothing'}`);
    let shown = Promise.resolve();
    if (options.echo === true) echo(terminal, name, client);
    else shown = showMessages(terminal, client, options, `${name} `);
    if (options.channel !== undefined) void openChannelFor(terminal, name, client, options.channel);
    void leaveOf(terminal, name, client, shown).then(() => {
      outboxes.delete(own);
      if (options.once === true) over.abort();
    });
  }
  await typing;
}

/** Opens the channel for a client, and reports a failure. The end of the client is reported in another place. */
async function openChannelFor(
  terminal: Terminal,
  name: string,
  client: ConnectionHandle,
  channel: string,
): Promise<void> {
  const opened = await client.openChannel(channel);
  if (!opened.ok && client.isConnected())
    tell(terminal, `${name} channel '${channel}' could not be opened: ${opened.error.message} (${opened.error.code})`);
}

async function leaveOf(
  terminal: Terminal,
  name: string,
  client: ConnectionHandle,
  shown: Promise<void>,
): Promise<void> {
  const error = await endOf(client);
  await shown;
  tell(terminal, error === undefined ? `${name} left` : `${name} failed: ${error.message}`);
  await client.close();
}

/** Sends every message back on its channel. */
function echo(terminal: Terminal, name: string, client: ConnectionHandle): void {
  const onFailure = ({ message, code }: NetworkError): void => {
    if (client.isConnected()) tell(terminal, `${name} a message was not sent back: ${message} (${code})`);
  };
  echoOn(client.defaultChannel, onFailure);
  client.on('channel', (channel) => {
    tell(terminal, `${name} echoes the channel '${channel}', too`);
    echoOn(client.channel(channel), onFailure);
  });
}

/** Sends back at once while there is room. While a reply waits, the channel takes no further message. */
function echoOn(channel: Channel, onFailure: (error: NetworkError) => void): void {
  const back = (data: Uint8Array): void => {
    const sent = channel.trySend(data);
    if (sent.ok) return;
    if (sent.error.code !== 'WouldBlock') {
      onFailure(sent.error);
      return;
    }
    channel.setMessageCallback(null);
    void channel.send(data).then((result) => {
      if (!result.ok) onFailure(result.error);
      channel.setMessageCallback(back);
    });
  };
  channel.setMessageCallback(back);
}
