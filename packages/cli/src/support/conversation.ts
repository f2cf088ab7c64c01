import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { checkChannelName, type Result } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { toDuplex } from '@entropynet/streams';
import { type Command } from 'commander';
import { CommandFailure, ExitCode, expectOk } from './command-failure.js';
import { reasonOf } from './paths.js';
import { lineOf, print, roomIn, tell, type Terminal } from './terminal.js';

/** The format of written and read messages. */
export interface ConversationOptions {
  readonly hex?: true;
  readonly stream?: true;
  readonly channel?: string;
}

/** Adds the options for the format of messages to a command. */
export function addConversationOptions(command: Command): Command {
  return command
    .option('-x, --hex', 'type and show messages as hexadecimal digits')
    .option('-s, --stream', 'use standard input and output as byte streams, with half-close; both sides need it')
    .option('--channel <name>', 'a named channel instead of the default one');
}

/** Refuses options that exclude each other, and a channel's name that no connection could open. */
export function checkConversation({ hex, stream, channel }: ConversationOptions): void {
  if (channel !== undefined) expectOk(checkChannelName(channel));
  if (hex === true && stream === true)
    throw new CommandFailure('--hex and --stream exclude each other: a stream has no messages', ExitCode.Usage);
}

/**
 * Prints each message that arrives as a line; bytes that are no text as hexadecimal digits. While nobody reads standard
 * output, further messages stay with the peer and do not fill the memory. Resolves when the connection has ended and all
 * messages that arrived before are printed.
 */
export function showMessages(
  terminal: Terminal,
  handle: Pick<ConnectionHandle, 'channel' | 'defaultChannel'>,
  options: ConversationOptions,
  prefix = '',
): Promise<void> {
  const channel = options.channel === undefined ? handle.defaultChannel : handle.channel(options.channel);
  return new Promise((resolve) => {
    const lease = channel.take(
      {
        onMessage: (data) => {
          if (print(terminal, prefix + (options.hex === true ? hexOf(data) : textOf(data)))) return;
          lease.pause();
          void roomIn(terminal.output).then(() => {
            lease.resume();
          });
        },
        onEnd: () => {
          resolve();
        },
      },
      { name: 'standard output' },
    );
  });
}

/**
 * Passes each line of standard input as a message to `deliver`, one after the other. Resolves at the end of the input.
 * Throws a `CommandFailure` if the input can't be read.
 * @param deliver resolves with whether the message was sent
 * @returns whether every line that was read was sent
 */
export async function sendLines(
  terminal: Terminal,
  deliver: (data: Uint8Array) => Promise<boolean>,
  options: ConversationOptions,
  signal: AbortSignal,
): Promise<boolean> {
  // A loop over lines that were closed before it began would never end.
  if (signal.aborted) return true;
  // In this encoding each byte is one character. UTF-8 would lose bytes that are no text, and Node.js would end a line at
  // some characters of it.
  terminal.input.setEncoding('latin1');
  const lines = createInterface({ input: terminal.input, terminal: false, crlfDelay: Infinity });
  let areSent = true;
  const stop = (): void => {
    lines.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const line of lines) {
      // The lines that were read before the end still come.
      if (signal.aborted) return false;
      const bytes = Buffer.from(line, 'latin1');
      const data = options.hex === true ? bytesOfHex(bytes.toString(), terminal) : bytes;
      if (data === undefined || !(await deliver(data))) areSent = false;
    }
    return areSent;
  } catch (error) {
    if (error !== terminal.input.errored) throw error;
    throw new CommandFailure(`standard input can't be read: ${reasonOf(error)}`);
  } finally {
    signal.removeEventListener('abort', stop);
    lines.close();
  }
}

/** Sends a message on the channel of the options. */
export function sendMessage(
  terminal: Terminal,
  handle: ConnectionHandle,
  data: Uint8Array,
  { channel }: ConversationOptions,
): Promise<Result> {
  const { interrupted: signal } = terminal;
  return channel === undefined ? handle.send(data, { signal }) : handle.sendOnChannel(channel, data, { signal });
}

/**
 * Connects standard input and output with the connection as streams of bytes. Resolves when both directions have ended.
 */
export async function joinStreams(
  terminal: Terminal,
  handle: ConnectionHandle,
  { channel }: ConversationOptions,
): Promise<void> {
  const duplex = toDuplex(handle, { channel, allowHalfOpen: true, endsConnection: true });
  const { interrupted: signal } = terminal;
  try {
    await Promise.all([
      pipeline(terminal.input, duplex, { signal, end: true }),
      terminal.output.isTTY
        ? pipeline(duplex, printableText, terminal.output, { signal, end: false })
        : pipeline(duplex, terminal.output, { signal, end: false }),
    ]);
  } catch (error) {
    if (signal.aborted) return;
    throw new CommandFailure(`the stream failed: ${reasonOf(error)}`);
  }
}

/** Yields the bytes as text for a terminal, line by line, without characters that control it. */
async function* printableText(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of bytes) yield linesOf(decoder.decode(chunk, { stream: true }));
  yield linesOf(decoder.decode());
}

function linesOf(text: string): string {
  return text.split('\n').map(lineOf).join('\n');
}

/** Opens the channel of the options, if there is one. */
export async function openChannel(handle: ConnectionHandle, { channel }: ConversationOptions): Promise<void> {
  if (channel !== undefined) expectOk(await handle.openChannel(channel));
}

/** Resolves when the connection has ended, with its error if it failed. */
export async function endOf(handle: Pick<ConnectionHandle, 'closed'>): Promise<Error | undefined> {
  return (await handle.closed).error;
}

/** Resolves when the user interrupts. */
export async function interruption(terminal: Terminal): Promise<void> {
  if (!terminal.interrupted.aborted) await once(terminal.interrupted, 'abort');
}

function textOf(data: Uint8Array): string {
  try {
    return lineOf(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data));
  } catch {
    return `(${data.length} bytes) ${hexOf(data)}`;
  }
}

function hexOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
}

function bytesOfHex(line: string, terminal: Terminal): Uint8Array | undefined {
  const digits = line.replace(/\s/g, '');
  if (digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)) return Buffer.from(digits, 'hex');
  tell(terminal, `not sent: '${line}' is not an even number of hexadecimal digits`);
  return undefined;
}
