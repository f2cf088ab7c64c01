/* A server: its names, and the clients that it gives to the program. */
#include <stdlib.h>

#include "server.h"

en_status en_listen(const char *endpoint, const en_options *options, en_server **server) {
  en_settings settings;
  en_place place;
  if (!server) return en_fail(EN_INVALID_PARAMETER, "server is NULL. It takes the new server.");
  *server = NULL;
  en_status status = en_settings_take(options, &settings);
  if (!status) status = en_place_find(endpoint, settings.directory, &place);
  if (status) return status;
  en_server *s = calloc(1, sizeof *s);
  en_places *places = calloc(1, sizeof *places);
  if (!s || !places || !en_settings_keep(&settings)) {
    status = en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for a server.");
  } else {
    *s = (en_server){.settings = settings, .limits = en_settings_limits(&settings), .places = places};
    atomic_store(&places->owners, 1);
    int64_t deadline = en_deadline((int)settings.connect_timeout_ms);
    status = en_listener_open(&place, settings.max_connections, settings.library, deadline, &s->listener);
  }
  if (status) {
    if (s) en_settings_forget(&s->settings);
    free(s);
    free(places);
    return status;
  }
  en_listener_nonce(s->listener, s->nonce);
  *server = s;
  return EN_OK;
}

/* Skips a client that left before en_accept() was called, unless its messages are still there. A client
 * that came during en_accept() is returned even if it left at once, because it was connected. */
static bool next_ready(en_server *s, en_connection **connection) {
  while (s->first) {
    en_ready *item = s->first;
    bool fresh = item->fresh;
    s->first = item->next;
    if (!s->first) s->last = NULL;
    *connection = item->connection;
    free(item);
    if (fresh || !en_has_left(*connection)) return true;
    en_connection_free(*connection);
    *connection = NULL;
  }
  return false;
}

/* Returns the time to sleep: until the caller's deadline, and at most until the next deadline of a
 * handshake. */
static int sleep_time(const en_server *s, int64_t deadline) {
  int ms = en_left_ms(deadline);
  if (ms < 0 || ms > 1000) ms = 1000;
  return en_handshakes_left_ms(s, ms);
}

en_status en_accept(en_server *s, int timeout_ms, en_connection **connection) {
  if (!connection)
    return en_fail(EN_INVALID_PARAMETER, "connection is NULL. It takes the client's connection.");
  *connection = NULL;
  if (!s) return en_fail(EN_INVALID_PARAMETER, "server is NULL.");
  en_kept_error kept;
  en_keep_error(&kept);
  int64_t deadline = en_deadline(timeout_ms);
  for (en_ready *item = s->first; item; item = item->next) item->fresh = false;
  for (;;) {
    en_status status = en_listener_renew(s->listener);
    s->nameless = s->nameless && status != EN_OK;
    en_clients_take(s);
    if (next_ready(s, connection)) {
      en_restore_error(&kept); /* of a client that was refused, for example */
      return EN_OK;
    }
    if (atomic_exchange(&s->interrupted, 0))
      return en_fail(EN_ABORTED, "en_server_interrupt() ended the wait.");
    if (status && !s->nameless) { /* told once; the names may come back */
      s->nameless = true;
      return en_fail(status, "Another server has taken the endpoint of this one.");
    }
    if (en_left_ms(deadline) == 0) {
      en_listener_wait(s->listener, 0);
      return timeout_ms == 0 ? en_fail(EN_WOULD_BLOCK, "No client waits.")
                             : en_fail(EN_TIMEOUT, "No client came within %d ms.", timeout_ms);
    }
    en_listener_wait(s->listener, sleep_time(s, deadline));
  }
}

int en_server_descriptor(const en_server *s) { return s ? en_listener_descriptor(s->listener) : -1; }

void en_server_interrupt(en_server *s) {
  if (!s) return;
  atomic_store(&s->interrupted, 1);
  en_listener_wake(s->listener);
}

void en_server_free(en_server *s) {
  if (!s) return;
  en_kept_error kept;
  en_keep_error(&kept);
  while (s->count > 0) en_handshake_drop(s, s->count - 1);
  while (s->first) {
    en_ready *item = s->first;
    s->first = item->next;
    en_connection_free(item->connection);
    free(item);
  }
  en_listener_close(s->listener);
  if (atomic_fetch_sub(&s->places->owners, 1) == 1) free(s->places);
  en_settings_forget(&s->settings);
  free(s);
  en_restore_error(&kept);
}
