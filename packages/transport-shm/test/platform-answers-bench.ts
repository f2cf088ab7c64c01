import { unwrap } from '@entropynet/core';
import { loadNativeBinding, type LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import type { Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';

/** What a system says instead of doing it. */
export function systemError(code: string, syscall = 'test'): Error {
  return Object.assign(new Error(`${code}: as the test says`), { code, errno: -1, syscall });
}

/** Answers that take the place of a socket's own; `next` is the socket itself. */
type Answers = { [Method in keyof LocalSocket]?: (next: LocalSocket) => LocalSocket[Method] };

/** Where the sockets come from that get other answers. */
interface Sockets {
  readonly connected?: Answers;
  readonly accepted?: Answers;
  /** Called before each `connect`; what it throws is what `connect` says. */
  beforeConnect?(): void;
}

/** A socket with some answers of another system. */
function answering(socket: LocalSocket, answers: Answers): LocalSocket {
  return new Proxy(socket, {
    get(target, name) {
      const answer = answers[name as keyof LocalSocket] as ((next: LocalSocket) => unknown) | undefined;
      if (answer !== undefined) return answer(target);
      const member = Reflect.get(target, name, target) as unknown;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A system that answers otherwise than this one, until the scene is closed. */
export function onAnotherSystem(scene: Scene, { connected = {}, accepted = {}, beforeConnect }: Sockets): void {
  const binding = unwrap(loadNativeBinding());
  const real = binding.LocalSocket;
  const put = (sockets: typeof real): boolean => Reflect.set(binding, 'LocalSocket', sockets);
  put({
    listen: (path, backlog) =>
      answering(real.listen(path, backlog), {
        accept: (next) => () => {
          const client = next.accept();
          return client === null ? null : answering(client, accepted);
        },
      }),
    connect: (path) => {
      beforeConnect?.();
      return answering(real.connect(path), connected);
    },
  });
  scene.onClose(() => put(real));
}

/** Throws at the given calls, counted from 1, and is the socket's own otherwise. */
export function failingAt(calls: readonly number[], code: string): <Method>(method: () => Method) => Method {
  let count = 0;
  return (method) => {
    count += 1;
    if (calls.includes(count)) throw systemError(code);
    return method();
  };
}
