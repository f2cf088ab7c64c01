/* A server's pipe: several instances wait for clients at a time. Section 9 of the protocol.
 *
 * All operations of a server set one event, which is what its program waits for. Starting an operation resets
 * the event, so the server looks at all of them before it sleeps. */
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "names.h"

#define RENEW_MS 1000
#define STARVED_MS 100
/* While this number of passed handles is being closed, the server admits no client. */
#define WAITING_TO_CLOSE 64
/* The largest number of clients that can connect between two looks. */
#define INSTANCES 16
/* More links than a server watches: one for each handshake. */
#define WATCHED 64

/* One instance of the pipe, to which the next client connects. */
typedef struct {
  HANDLE pipe; /* INVALID_HANDLE_VALUE: it could not be made */
  OVERLAPPED connecting;
  bool is_met; /* a client connected before the wait began */
} instance;

struct en_listener {
  en_place place;
  en_names names;
  wchar_t pipe_name[EN_WIDE];
  HANDLE event, timer;
  instance waiting[INSTANCES];
  uint32_t next; /* the instance that has the next turn */
  en_link watched[WATCHED];
  bool held;
  int64_t looked_at, starved_until; /* when the name was looked at; without handles, when to accept again */
  en_status status;                 /* of the last look */
};

/* ---- instances ---- */

static bool is_open(const instance *i) { return i->pipe != INVALID_HANDLE_VALUE; }

static bool has_client(const instance *i) {
  return is_open(i) && (i->is_met || HasOverlappedIoCompleted(&i->connecting));
}

static bool open_instance(en_listener *l, instance *i, bool is_first) {
  const DWORD kind = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
  DWORD mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (is_first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
  SECURITY_ATTRIBUTES *rights = en_rights_make(EN_FOR_OBJECT);
  i->pipe = INVALID_HANDLE_VALUE;
  i->is_met = false;
  if (!rights) return false;
  HANDLE pipe = CreateNamedPipeW(l->pipe_name, mode, kind, PIPE_UNLIMITED_INSTANCES, EN_PIPE_BUFFER,
                                 EN_PIPE_BUFFER, 0, rights);
  en_rights_free(rights);
  if (pipe == INVALID_HANDLE_VALUE) return false;
  i->connecting = (OVERLAPPED){.hEvent = l->event};
  DWORD error = ConnectNamedPipe(pipe, &i->connecting) ? ERROR_IO_PENDING : GetLastError();
  /* A client may have connected in between, and may even have left again. */
  i->is_met = error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA;
  if (!i->is_met && error != ERROR_IO_PENDING) {
    (void)CloseHandle(pipe);
    return false;
  }
  i->pipe = pipe;
  return true;
}

static void close_instance(instance *i) {
  if (!is_open(i)) return;
  (void)CancelIoEx(i->pipe, &i->connecting);
  while (!i->is_met && !HasOverlappedIoCompleted(&i->connecting))
    (void)WaitForSingleObject(i->connecting.hEvent, 1);
  (void)CloseHandle(i->pipe);
  i->pipe = INVALID_HANDLE_VALUE;
}

/* Makes the instances that are missing. Fewer are enough. */
static void fill(en_listener *l) {
  for (uint32_t i = 0; i < INSTANCES; i++) {
    if (!is_open(&l->waiting[i])) (void)open_instance(l, &l->waiting[i], false);
  }
}

static en_status listen_now(void *user) {
  en_listener *l = user;
  if (!open_instance(l, &l->waiting[0], true)) {
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no pipe: error %lu.", GetLastError());
  }
  if (!en_is_private_object(l->waiting[0].pipe)) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION, "Another account may write to the pipe of this server.");
  }
  fill(l);
  return EN_OK;
}

/* ---- the listener ---- */

/* Runs on a thread of the system's pool, once a second: the program should look at the name. */
static void CALLBACK on_second(void *event, BOOLEAN timed_out) {
  (void)timed_out;
  (void)SetEvent(event);
}

en_status en_listener_open(const en_place *place, uint32_t max_connections, const char *library,
                           int64_t deadline, en_listener **out) {
  en_listener *l = calloc(1, sizeof *l);
  if (!l) return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a server.");
  l->place = *place;
  l->names.region = INVALID_HANDLE_VALUE;
  for (int i = 0; i < INSTANCES; i++) l->waiting[i].pipe = INVALID_HANDLE_VALUE;
  l->looked_at = en_now_ms();
  l->event = CreateEventW(NULL, TRUE, FALSE, NULL);
  en_status status = EN_OK;
  if (!l->event || !CreateTimerQueueTimer(&l->timer, NULL, on_second, l->event, RENEW_MS, RENEW_MS,
                                          WT_EXECUTEINTIMERTHREAD)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no event for a server.");
  } else if (!en_random(l->names.nonce, sizeof l->names.nonce)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no random bytes.");
  } else {
    l->names.max_connections = max_connections;
    strcpy(l->names.library, library);
    en_pipe_name(l->names.nonce, l->pipe_name);
    status = en_names_take(&l->names, place, deadline, listen_now, l);
  }
  if (status)
    en_listener_close(l);
  else
    *out = l;
  return status;
}

void en_listener_nonce(const en_listener *l, uint8_t nonce[16]) { memcpy(nonce, l->names.nonce, 16); }

int en_listener_descriptor(const en_listener *l) { return (int)(intptr_t)l->event; }

bool en_listener_watch(en_listener *l, en_link link) {
  for (int i = 0; i < WATCHED; i++) {
    if (l->watched[i]) continue;
    en_pipe_watch(link, &l->watched[i]);
    return true;
  }
  return false;
}

void en_listener_unwatch(en_listener *l, en_link link) {
  (void)l;
  en_pipe_watch(link, NULL);
  en_pipe_use_own_event(link);
}

static bool has_work(const en_listener *l) {
  for (int i = 0; !l->held && i < INSTANCES; i++) {
    if (has_client(&l->waiting[i])) return true;
  }
  for (int i = 0; i < WATCHED; i++) {
    if (l->watched[i] && en_pipe_is_ready(l->watched[i])) return true;
  }
  return false;
}

void en_listener_wait(en_listener *l, int ms) {
  if (!has_work(l)) (void)WaitForSingleObject(l->event, ms < 0 ? INFINITE : (DWORD)ms);
  (void)ResetEvent(l->event);
  if (has_work(l)) (void)SetEvent(l->event);
}

void en_listener_wake(en_listener *l) { (void)SetEvent(l->event); }

en_link en_listener_take(en_listener *l) {
  if (en_waiting_to_close() >= WAITING_TO_CLOSE) {
    l->starved_until = en_now_ms() + STARVED_MS;
    return NULL;
  }
  fill(l);
  for (uint32_t tried = 0; tried < INSTANCES; tried++) {
    instance *i = &l->waiting[l->next];
    l->next = (l->next + 1) % INSTANCES;
    if (!has_client(i)) continue;
    HANDLE pipe = i->pipe;
    /* First, because while one instance exists no other process can make the pipe. */
    (void)open_instance(l, i, false);
    return en_pipe_link(pipe, false, l->event);
  }
  return NULL;
}

void en_listener_hold(en_listener *l, bool hold) {
  l->held = hold || en_now_ms() < l->starved_until;
  /* The operations that were started since have reset the event. */
  if (has_work(l)) (void)SetEvent(l->event);
}

en_status en_listener_renew(en_listener *l) {
  int64_t now = en_now_ms();
  if (now - l->looked_at < RENEW_MS) return l->status;
  l->looked_at = now;
  l->status = en_names_renew(&l->names, &l->place);
  return l->status;
}

void en_listener_close(en_listener *l) {
  en_names_give_back(&l->names, &l->place);
  for (int i = 0; i < INSTANCES; i++) close_instance(&l->waiting[i]);
  if (l->timer) (void)DeleteTimerQueueTimer(NULL, l->timer, INVALID_HANDLE_VALUE);
  en_close_handle(l->event);
  free(l);
}
