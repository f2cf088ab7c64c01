import { type Command } from 'commander';
import { CommandFailure, ExitCode } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import {
  addClientOptions,
  addConnectionOptions,
  connectTo,
  type ConnectionOptions,
  withManager,
} from '../support/connection-options.js';
import {
  addConversationOptions,
  checkConversation,
  type ConversationOptions,
  endOf,
  interruption,
  joinStreams,
  openChannel,
  sendLines,
  sendMessage,
  showMessages,
} from '../support/conversation.js';
import { tell, type Terminal } from '../support/terminal.js';

interface ConnectOptions extends ConnectionOptions, ConversationOptions {
  readonly stay?: true;
}

/** `entropynet connect` sends lines of standard input as messages, and prints messages as lines. */
export function addConnect(program: Command, terminal: Terminal): void {
  addConversationOptions(addClientOptions(addConnectionOptions(program.command('connect'))))
    .description('Connect, send each line of standard input as a message, and show what arrives.')
    .option('--stay', 'stay connected after the end of standard input, until the peer leaves or Ctrl+C')
    .addHelpText(
      'after',
      `
Examples:
  entropynet connect chat                                 talk to "entropynet listen chat"
  echo hello | entropynet connect ws://127.0.0.1:8080/    send one message
  entropynet connect backup --stream < file.tar           bytes to "entropynet listen backup --stream > copy.tar"`,
    )
    .action((endpoint: string, options: ConnectOptions) => connect(terminal, endpoint, options));
}

async function connect(terminal: Terminal, endpoint: string, options: ConnectOptions): Promise<void> {
  checkConversation(options);
  if (options.stay === true && options.stream === true)
    throw new CommandFailure(
      '--stay and --stream exclude each other: a stream ends with both directions',
      ExitCode.Usage,
    );
  const config = configOf(endpoint, options);
  await withManager(terminal, async (manager) => {
    const handle = await connectTo(terminal, manager, config);
    if (options.stream === true) {
      await joinStreams(terminal, handle, options);
      return;
    }
    await openChannel(handle, options);
    const shown = showMessages(terminal, handle, options);
    const over = new AbortController();
    const ended = endOf(handle).finally(() => {
      over.abort();
    });
    const deliver = async (data: Uint8Array): Promise<boolean> => {
      const sent = await sendMessage(terminal, handle, data, options);
      if (!sent.ok) tell(terminal, `not sent: ${sent.error.message} (${sent.error.code})`);
      return sent.ok;
    };
    const signal = AbortSignal.any([over.signal, terminal.interrupted]);
    const areSent = await sendLines(terminal, deliver, options, signal);
    if (options.stay !== true || terminal.interrupted.aborted) await handle.disconnect();
    const leave = (): void => void handle.disconnect();
    terminal.interrupted.addEventListener('abort', leave);
    const error = await ended;
    terminal.interrupted.removeEventListener('abort', leave);
    await Promise.race([shown, interruption(terminal)]);
    if (error !== undefined) throw new CommandFailure(`the connection failed: ${error.message}`);
    if (!areSent && !terminal.interrupted.aborted)
      throw new CommandFailure('disconnected; not every line of standard input was sent');
    tell(terminal, 'disconnected');
  });
}
