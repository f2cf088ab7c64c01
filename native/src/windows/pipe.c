/* The pipe between two sides. Each message of it begins with 8 bytes: the number of a passed handle in the
 * sender's process, or 0. Section 9 of the protocol. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32.h"

#define HEADER_BYTES 8u
/* The longest message that this side sends, and how many of them may be on their way. */
#define SENT_BYTES 64u
#define SENDS 3
/* The largest number of wake bytes of one look. */
#define DRAINED_BYTES 65536u

/* The rights to read a section's size and kind, and to map it. Some headers lack the name of the first. */
#define SECTION_RIGHTS (0x0001u | FILE_MAP_READ | FILE_MAP_WRITE)

typedef struct {
  OVERLAPPED operation;
  HANDLE event;
  bool is_running;
  uint8_t bytes[HEADER_BYTES + SENT_BYTES];
} send_place;

struct en_pipe {
  HANDLE pipe;        /* INVALID_HANDLE_VALUE after the end */
  HANDLE event;       /* its own, for the program */
  HANDLE signal;      /* the event that reads set: the own one, or that of the server */
  OVERLAPPED reading; /* one read is always under way, unless there are bytes or an error */
  bool is_reading;
  bool is_client, took; /* `took`: the one handle of the server has come */
  int state;            /* EN_TAKE_NOTHING, or why nothing more can be read */
  HANDLE passed;        /* kept until the client has answered, because the client copies it */
  uint32_t filled, consumed;
  en_link *watcher;
  send_place sends[SENDS];
  uint8_t inbox[EN_PIPE_BUFFER];
};

void en_pipe_name(const uint8_t nonce[16], wchar_t name[EN_WIDE]) {
  size_t at = (size_t)swprintf(name, EN_WIDE, L"\\\\.\\pipe\\entropynet-");
  for (int i = 0; i < 16; i++) at += (size_t)swprintf(name + at, EN_WIDE - at, L"%02x", nonce[i]);
}

/* ---- reading ---- */

static void stop_reading(en_link p, int state) {
  p->state = state;
  (void)SetEvent(p->signal);
}

static void start_reading(en_link p) {
  p->filled = p->consumed = 0;
  p->reading = (OVERLAPPED){.hEvent = p->signal};
  p->is_reading =
      ReadFile(p->pipe, p->inbox, EN_PIPE_BUFFER, NULL, &p->reading) || GetLastError() == ERROR_IO_PENDING;
  if (!p->is_reading) stop_reading(p, EN_TAKE_ENDED);
}

/* Copies the handle with this number out of the server's process. */
static int fetch(en_link p, uint64_t number, en_handle *region) {
  ULONG server;
  HANDLE copy = NULL;
  uint64_t size;
  if (!region) return EN_TAKE_ABUSED;
  if (p->took || *region >= 0) return EN_TAKE_SEVERAL;
  p->took = true;
  if (!GetNamedPipeServerProcessId(p->pipe, &server)) return EN_TAKE_ENDED;
  HANDLE process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, server);
  if (!process) return EN_TAKE_KEPT_OUT;
  BOOL copied = DuplicateHandle(process, (HANDLE)(uintptr_t)number, GetCurrentProcess(), &copy,
                                SECTION_RIGHTS, FALSE, 0);
  (void)CloseHandle(process);
  if (!copied) return EN_TAKE_KEPT_OUT;
  if (!en_is_memory(copy, &size)) {
    en_close_elsewhere(en_from_system(copy));
    return EN_TAKE_ABUSED;
  }
  *region = en_from_system(copy);
  return EN_TAKE_NOTHING;
}

/* Returns whether there are bytes to take. If not, p->state says why. */
static bool has_bytes(en_link p, en_handle *region) {
  DWORD bytes = 0;
  uint64_t number;
  if (p->filled > p->consumed) return true;
  if (p->state || !p->is_reading) return false;
  if (!GetOverlappedResult(p->pipe, &p->reading, &bytes, FALSE)) {
    if (GetLastError() == ERROR_IO_INCOMPLETE) return false;
    p->is_reading = false;
    stop_reading(p, EN_TAKE_ENDED); /* also for a message that is too long */
    return false;
  }
  p->is_reading = false;
  en_close_handle(p->passed); /* whatever comes is an answer */
  p->passed = NULL;
  if (bytes <= HEADER_BYTES) {
    stop_reading(p, EN_TAKE_ENDED);
    return false;
  }
  memcpy(&number, p->inbox, sizeof number);
  int fetched = number ? fetch(p, number, region) : EN_TAKE_NOTHING;
  if (fetched) {
    stop_reading(p, fetched);
    return false;
  }
  p->filled = bytes;
  p->consumed = HEADER_BYTES;
  return true;
}

int en_link_take(en_link p, uint8_t *bytes, size_t length, en_handle *region) {
  if (!has_bytes(p, region)) return p->state;
  size_t taken = p->filled - p->consumed;
  if (taken > length) taken = length;
  memcpy(bytes, p->inbox + p->consumed, taken);
  p->consumed += (uint32_t)taken;
  if (p->consumed == p->filled) start_reading(p);
  return (int)taken;
}

en_link_state en_link_drain(en_link p) {
  uint8_t wakes[4096];
  for (size_t total = 0; total < DRAINED_BYTES;) { /* a peer that goes on holds nobody up */
    int got = en_link_take(p, wakes, sizeof wakes, NULL);
    if (got == EN_TAKE_NOTHING) return EN_LINK_OPEN;
    if (got < 0) return got == EN_TAKE_ABUSED ? EN_LINK_ABUSED : EN_LINK_ENDED;
    total += (size_t)got;
  }
  return EN_LINK_OPEN;
}

bool en_pipe_is_ready(en_link p) {
  return p->filled > p->consumed || p->state || (p->is_reading && HasOverlappedIoCompleted(&p->reading));
}

bool en_link_readable(en_link p, int ms) {
  if (en_pipe_is_ready(p)) return true;
  return WaitForSingleObject(p->signal, ms < 0 ? INFINITE : (DWORD)ms) == WAIT_OBJECT_0;
}

/* ---- sending ---- */

/* Returns a place whose message has left, or NULL. */
static send_place *free_place(en_link p) {
  for (int i = 0; i < SENDS; i++) {
    send_place *place = &p->sends[i];
    if (place->is_running && HasOverlappedIoCompleted(&place->operation)) place->is_running = false;
    if (!place->is_running) return place;
  }
  return NULL;
}

static bool put(en_link p, const uint8_t *bytes, size_t length, uint64_t number) {
  send_place *place = p->pipe == INVALID_HANDLE_VALUE ? NULL : free_place(p);
  if (!place) return false;
  memcpy(place->bytes, &number, HEADER_BYTES);
  memcpy(place->bytes + HEADER_BYTES, bytes, length);
  place->operation = (OVERLAPPED){.hEvent = place->event};
  place->is_running =
      WriteFile(p->pipe, place->bytes, (DWORD)(HEADER_BYTES + length), NULL, &place->operation) ||
      GetLastError() == ERROR_IO_PENDING;
  return place->is_running;
}

bool en_link_put(en_link p, const uint8_t *bytes, size_t length, en_handle region) {
  if (length == 0 || length > SENT_BYTES) return false;
  if (region >= 0) {
    HANDLE self = GetCurrentProcess();
    en_close_handle(p->passed);
    p->passed = NULL;
    if (!DuplicateHandle(self, en_to_system(region), self, &p->passed, 0, FALSE, DUPLICATE_SAME_ACCESS))
      return false;
  }
  return put(p, bytes, length, region < 0 ? 0 : (uint64_t)(uintptr_t)p->passed);
}

/* Without a free place the pipe is full: the peer has bytes to read. */
void en_link_wake(en_link p) { (void)put(p, (const uint8_t *)"", 1, 0); }

/* ---- its life ---- */

static bool make_events(en_link p) {
  p->event = CreateEventW(NULL, TRUE, FALSE, NULL);
  bool made = p->event != NULL;
  for (int i = 0; i < SENDS; i++) {
    p->sends[i].event = CreateEventW(NULL, TRUE, FALSE, NULL);
    made = made && p->sends[i].event;
  }
  return made;
}

en_link en_pipe_link(HANDLE pipe, bool is_client, HANDLE signal) {
  en_link p = calloc(1, sizeof *p);
  if (!p) {
    (void)CloseHandle(pipe);
    return NULL;
  }
  p->pipe = pipe;
  p->is_client = is_client;
  if (!make_events(p)) {
    en_link_close(p);
    return NULL;
  }
  p->signal = signal ? signal : p->event;
  start_reading(p);
  return p;
}

void en_pipe_watch(en_link p, en_link *place) {
  if (p->watcher) *p->watcher = NULL;
  p->watcher = place;
  if (place) *place = p;
}

/* Waits until the system has given the buffer of an operation back. Other operations may set its event, too.
 */
static void wait_for(OVERLAPPED *operation) {
  while (!HasOverlappedIoCompleted(operation)) (void)WaitForSingleObject(operation->hEvent, 1);
}

void en_pipe_use_own_event(en_link p) {
  DWORD bytes;
  p->signal = p->event;
  if (p->is_reading) {
    (void)CancelIoEx(p->pipe, &p->reading);
    wait_for(&p->reading);
    if (!GetOverlappedResult(p->pipe, &p->reading, &bytes, FALSE) &&
        GetLastError() == ERROR_OPERATION_ABORTED)
      start_reading(p);
  }
  if (en_pipe_is_ready(p)) (void)SetEvent(p->event);
}

int en_link_descriptor(en_link p) { return p ? (int)(intptr_t)p->event : -1; }

uint32_t en_link_process(en_link p) {
  ULONG process = 0;
  BOOL known = p->is_client ? GetNamedPipeServerProcessId(p->pipe, &process)
                            : GetNamedPipeClientProcessId(p->pipe, &process);
  return known ? (uint32_t)process : 0;
}

void en_link_end(en_link p) {
  if (p->pipe == INVALID_HANDLE_VALUE) return;
  (void)CancelIoEx(p->pipe, NULL);
  if (p->is_reading) wait_for(&p->reading);
  for (int i = 0; i < SENDS; i++) {
    if (p->sends[i].is_running) wait_for(&p->sends[i].operation);
    p->sends[i].is_running = false;
  }
  p->is_reading = false;
  (void)CloseHandle(p->pipe);
  p->pipe = INVALID_HANDLE_VALUE;
  p->filled = p->consumed = 0;
  p->state = EN_TAKE_ENDED;
  if (p->event) (void)SetEvent(p->event);
}

void en_link_close(en_link p) {
  en_link_end(p);
  en_pipe_watch(p, NULL);
  en_close_handle(p->passed);
  en_close_handle(p->event);
  for (int i = 0; i < SENDS; i++) en_close_handle(p->sends[i].event);
  free(p);
}
