/* The two ends of a link in one process, and what an event loop does with a descriptor. */
#ifndef ENTROPYNET_LINKS_H
#define ENTROPYNET_LINKS_H

#include "../src/platform.h"
#include "check.h"

#if defined(_WIN32)
#include "../src/windows/win32.h"

static inline void make_links(en_link links[2]) {
  uint8_t nonce[16];
  wchar_t name[EN_WIDE];
  DWORD mode = PIPE_READMODE_MESSAGE;
  CHECK(en_random(nonce, sizeof nonce));
  en_pipe_name(nonce, name);
  HANDLE server =
      CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                       PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, EN_PIPE_BUFFER, EN_PIPE_BUFFER, 0, NULL);
  CHECK(server != INVALID_HANDLE_VALUE);
  HANDLE client =
      CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
  CHECK(client != INVALID_HANDLE_VALUE && SetNamedPipeHandleState(client, &mode, NULL, NULL));
  links[0] = en_pipe_link(server, false, NULL);
  links[1] = en_pipe_link(client, true, NULL);
  CHECK(links[0] && links[1]);
}

static inline bool is_readable(int descriptor, int ms) {
  return WaitForSingleObject((HANDLE)(intptr_t)descriptor, (DWORD)ms) == WAIT_OBJECT_0;
}
#else
#include <sys/socket.h>

static inline void make_links(en_link links[2]) {
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, links) == 0);
}

static inline bool is_readable(int descriptor, int ms) { return en_link_readable(descriptor, ms); }
#endif

#endif
