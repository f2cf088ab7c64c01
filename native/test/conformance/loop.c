#include "loop.h"

#include "../check.h"

#if defined(_WIN32)

#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <windows.h>

/* Nothing of Windows tells whether a pipe without overlapped reads is readable, so a thread reads it. */
static struct {
  HANDLE filled, taken;
  char bytes[4096];
  DWORD from, to;
} input;

static DWORD WINAPI read_input(void *unused) {
  (void)unused;
  do {
    input.from = 0;
    if (!ReadFile(GetStdHandle(STD_INPUT_HANDLE), input.bytes, sizeof input.bytes, &input.to, NULL))
      input.to = 0;
    (void)SetEvent(input.filled);
    (void)WaitForSingleObject(input.taken, INFINITE);
  } while (input.to > 0);
  return 0;
}

void loop_open(void) {
  CHECK(_setmode(_fileno(stdout), _O_BINARY) != -1);
  input.filled = CreateEventW(NULL, TRUE, FALSE, NULL);
  input.taken = CreateEventW(NULL, FALSE, FALSE, NULL);
  CHECK(input.filled && input.taken);
  HANDLE thread = CreateThread(NULL, 0, read_input, NULL, 0, NULL);
  CHECK(thread);
  (void)CloseHandle(thread);
}

bool loop_sleep(const int *watched, size_t count, int ms) {
  HANDLE handles[MOST_WATCHED + 1] = {input.filled};
  CHECK(count <= MOST_WATCHED);
  for (size_t i = 0; i < count; i++) handles[i + 1] = (HANDLE)(intptr_t)watched[i];
  CHECK(WaitForMultipleObjects((DWORD)count + 1, handles, FALSE, (DWORD)ms) != WAIT_FAILED);
  return WaitForSingleObject(input.filled, 0) == WAIT_OBJECT_0;
}

size_t loop_read(char *bytes, size_t room) {
  size_t length = input.to - input.from < room ? input.to - input.from : room;
  memcpy(bytes, input.bytes + input.from, length);
  input.from += (DWORD)length;
  if (length > 0 && input.from == input.to) {
    (void)ResetEvent(input.filled);
    (void)SetEvent(input.taken);
  }
  return length;
}

int64_t now_ms(void) { return (int64_t)GetTickCount64(); }

#else

#include <poll.h>
#include <time.h>
#include <unistd.h>

void loop_open(void) {}

bool loop_sleep(const int *watched, size_t count, int ms) {
  struct pollfd all[MOST_WATCHED + 1] = {{STDIN_FILENO, POLLIN, 0}};
  CHECK(count <= MOST_WATCHED);
  for (size_t i = 0; i < count; i++) all[i + 1] = (struct pollfd){watched[i], POLLIN, 0};
  return poll(all, (nfds_t)count + 1, ms) > 0 && all[0].revents != 0;
}

size_t loop_read(char *bytes, size_t room) {
  ssize_t got = read(STDIN_FILENO, bytes, room);
  return got > 0 ? (size_t)got : 0;
}

int64_t now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
