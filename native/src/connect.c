/* Attempts to connect: the choice of a server, and the time. */
#include <stdlib.h>

#include "asking.h"
#include "search.h"

/* How long to wait before the next call asks again for a server that has no place in its queue. */
#define RETRY_MS 2

/* The part of the timeout that one of several servers gets. */
#define SHARE_OF_TIME 4

struct en_connecting {
  en_settings settings;
  en_search search;
  en_asking asking;       /* the server whose turn it is */
  int64_t deadline, turn; /* the end of the attempt, and of this server's turn */
  bool has_looked, over;
  en_link watched; /* the link that the program may watch, also if it has ended */
};

/* Goes to the next server. False: none is left. */
static bool go_on(en_connecting *a) {
  en_asking *asking = &a->asking;
  if (!en_search_next(&a->search, &asking->place)) return false;
  en_asking_end(asking);
  if (asking->link != EN_NO_LINK && asking->link != a->watched) en_link_close(asking->link);
  asking->link = EN_NO_LINK;
  asking->have = 0;
  asking->stage = EN_NEEDS_LINK;
  const int share = (int)a->settings.connect_timeout_ms / SHARE_OF_TIME;
  a->turn = en_deadline(share > 0 ? share : 1); /* never over at once: a call asks each server once */
  return true;
}

/* Asks the server whose turn it is. */
static en_status ask(en_connecting *a, en_connection **connection) {
  const en_link before = a->asking.link;
  en_status status = en_ask(&a->asking, connection);
  if (before != EN_NO_LINK && a->asking.link == EN_NO_LINK && a->watched == before) a->watched = EN_NO_LINK;
  return status;
}

/* Asks the servers of the name one after the other. EN_WOULD_BLOCK: one has to do something first. */
static en_status advance(en_connecting *a, en_connection **connection) {
  en_search *s = &a->search;
  if (!a->has_looked) {
    en_status status = en_search_look(s);
    if (status) return status;
    a->has_looked = true;
    (void)go_on(a);
  }
  for (;;) {
    en_status status = ask(a, connection);
    if (!status || !s->is_shared) return status;
    const uint64_t asked = UINT64_C(1) << s->slot;
    const bool waits = status == EN_WOULD_BLOCK, is_full = waits && a->asking.link == EN_NO_LINK;
    if (waits && !is_full && en_left_ms(a->turn) > 0) return status;
    const bool was_last = s->untried == 0;
    if (is_full) s->again |= asked;
    if (!go_on(a)) {
      a->turn = a->deadline; /* a silent server without others has all the time */
      return status;
    }
    if (waits) s->again |= asked;
    /* If each of the servers left is full, the next call asks them again. */
    if (is_full && was_last) return status;
  }
}

en_status en_connect_start(const char *endpoint, const en_options *options, en_connecting **attempt) {
  if (!attempt) return en_fail(EN_INVALID_PARAMETER, "attempt is NULL. It takes the new attempt.");
  *attempt = NULL;
  en_connecting a = {.asking = {.link = EN_NO_LINK, .region = -1}, .watched = EN_NO_LINK};
  en_status status = en_settings_take(options, &a.settings);
  if (!status) status = en_place_find(endpoint, a.settings.directory, &a.search.first);
  if (status) return status;
  a.asking.place = a.search.first;
  a.deadline = en_deadline((int)a.settings.connect_timeout_ms);
  en_connecting *made = malloc(sizeof *made);
  if (!made || !en_settings_keep(&a.settings)) {
    free(made);
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for connecting.");
  }
  *made = a;
  made->asking.settings = &made->settings;
  *attempt = made;
  return EN_OK;
}

static void end(en_connecting *a) {
  a->over = true;
  en_asking_end(&a->asking);
}

/* Lets the program watch the link. The link before it stayed open, so that this one has another descriptor.
 */
static void show_link(en_connecting *a) {
  if (a->watched != EN_NO_LINK && a->watched != a->asking.link) en_link_close(a->watched);
  a->watched = a->asking.link;
}

en_status en_connect_poll(en_connecting *a, en_connection **connection) {
  if (!connection) return en_fail(EN_INVALID_PARAMETER, "connection is NULL. It takes the new connection.");
  *connection = NULL;
  if (!a) return en_fail(EN_INVALID_PARAMETER, "attempt is NULL.");
  if (a->over) return en_fail(EN_INVALID_PARAMETER, "The attempt is over. Start another one.");
  en_kept_error kept;
  en_keep_error(&kept); /* of servers that failed before another one answered */
  en_status status = advance(a, connection);
  if (status == EN_WOULD_BLOCK) {
    if (en_left_ms(a->deadline) > 0) {
      show_link(a);
      return en_fail(EN_WOULD_BLOCK, "The server '%.100s' has not answered yet.", a->asking.place.name);
    }
    status = en_fail(EN_TIMEOUT, "The server '%.100s' did not %s in time.", a->asking.place.name,
                     a->asking.link == EN_NO_LINK ? "take the connection" : "answer");
  }
  end(a);
  if (!status) en_restore_error(&kept);
  return status;
}

/* The time until the end of the attempt or of the server's turn. */
static int left_ms(const en_connecting *a) {
  const int left = en_left_ms(a->deadline), turn = en_left_ms(a->turn);
  return a->search.is_shared && turn < left ? turn : left;
}

int en_connect_wait_ms(const en_connecting *a) {
  if (!a || a->over) return 0;
  const int left = left_ms(a);
  return en_connect_descriptor(a) < 0 && left > RETRY_MS ? RETRY_MS : left;
}

int en_connect_descriptor(const en_connecting *a) { return a ? en_link_descriptor(a->asking.link) : -1; }

void en_connect_free(en_connecting *a) {
  if (!a) return;
  end(a);
  const en_link link = a->asking.link;
  if (link != EN_NO_LINK) en_link_close(link);
  if (a->watched != EN_NO_LINK && a->watched != link) en_link_close(a->watched);
  en_settings_forget(&a->settings);
  free(a);
}

en_status en_connect(const char *endpoint, const en_options *options, en_connection **connection) {
  if (!connection) return en_fail(EN_INVALID_PARAMETER, "connection is NULL. It takes the new connection.");
  *connection = NULL;
  en_connecting *a;
  en_kept_error kept;
  en_keep_error(&kept); /* the waits below are no failures */
  en_status status = en_connect_start(endpoint, options, &a);
  if (status) return status;
  while ((status = en_connect_poll(a, connection)) == EN_WOULD_BLOCK) {
    if (a->asking.link == EN_NO_LINK)
      en_pause_ms(RETRY_MS);
    else
      (void)en_link_readable(a->asking.link, left_ms(a));
  }
  en_connect_free(a);
  if (!status) en_restore_error(&kept);
  return status;
}
