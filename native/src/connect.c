/* The client's side of the handshake. Section 2 of the protocol. */
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "search.h"

/* How long en_connect() waits before it asks again for a server that has no place in its queue. */
#define RETRY_MS 2

int en_message_take(en_link link, uint8_t bytes[EN_MESSAGE_BYTES], uint32_t *have, en_handle *region) {
  int got = en_link_take(link, bytes + *have, EN_MESSAGE_BYTES - *have, region);
  if (got < 0) return got;
  *have += (uint32_t)got;
  return *have == EN_MESSAGE_BYTES;
}

/* The next thing that an attempt needs. */
typedef enum { NEEDS_SERVER, NEEDS_LINK, NEEDS_ANSWER, NEEDS_PROOF, NEEDS_REGION } stage;

struct en_connecting {
  en_settings settings;
  en_search search;
  en_place place; /* of the server that is asked */
  int64_t deadline;
  stage stage;
  bool over;
  en_link link, watched; /* the program may watch the second one, also if it has ended */
  en_handle region;
  uint32_t have; /* bytes of the reply that have come */
  uint8_t nonce[16], reply[EN_MESSAGE_BYTES], challenge[32], answer[EN_MESSAGE_BYTES];
};

/* A dying server ends the streams of the clients in its queue. */
static en_status broken_off(const en_connecting *a) {
  if (!en_link_server_lives(&a->place, a->nonce)) {
    return en_fail(EN_PEER_DIED, "The server '%.100s' died during the handshake.", a->place.name);
  }
  return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' ended the handshake.", a->place.name);
}

static en_status put(const en_connecting *a, const uint8_t *bytes, size_t length) {
  return en_link_put(a->link, bytes, length, -1) ? EN_OK : broken_off(a);
}

/* Takes the next reply. EN_WOULD_BLOCK: it has not come yet. */
static en_status take(en_connecting *a) {
  int got = en_message_take(a->link, a->reply, &a->have, &a->region);
  if (got == EN_TAKE_NO_DESCRIPTOR)
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The process has no number left for a descriptor.");
  if (got == EN_TAKE_ABUSED) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION, "The server '%.100s' passed something else than one region.",
                   a->place.name);
  }
  if (got == EN_TAKE_KEPT_OUT) {
    return en_fail(
        EN_HANDSHAKE_FAILED,
        "The server '%.100s' has more rights than this process: run both as administrator, or neither.",
        a->place.name);
  }
  if (got < 0) return broken_off(a);
  if (got == EN_TAKE_NOTHING) return EN_WOULD_BLOCK;
  a->have = 0;
  if (en_get32(a->reply) != EN_MAGIC_REPLY)
    return en_fail(EN_HANDSHAKE_FAILED, "The answer is none of EntropyNet.");
  uint32_t version = en_get32(a->reply + 4);
  if (version == EN_LAYOUT_VERSION) return EN_OK;
  return en_fail(EN_INCOMPATIBLE_VERSION, "The server uses layout version %u, and this library %u.", version,
                 EN_LAYOUT_VERSION);
}

/* Reads the name of a system's error from a refusal; empty if there is none. */
static void system_error(const uint8_t bytes[16], char out[17]) {
  size_t length = 0;
  memcpy(out, bytes, 16);
  out[16] = '\0';
  while (length < 16 &&
         ((out[length] >= 'A' && out[length] <= 'Z') || (out[length] >= '0' && out[length] <= '9')))
    length++;
  bool zeros = true;
  for (size_t i = length; i < 16; i++) zeros = zeros && out[i] == '\0';
  if (out[0] != 'E' || !zeros) out[0] = '\0';
}

static en_status refused(const en_connecting *a) {
  static const struct {
    en_status status;
    const char *text;
  } known[] = {
      {EN_HANDSHAKE_FAILED, "gave an answer that is not allowed here"},
      {EN_INCOMPATIBLE_VERSION, "uses another version of the protocol"},
      {EN_RESOURCE_LIMIT_EXCEEDED, "has as many connections as it allows"},
      {EN_TRANSPORT_UNAVAILABLE, "that was found is gone"},
      {EN_RESOURCE_LIMIT_EXCEEDED, "could not make a region"},
      {EN_HANDSHAKE_FAILED, "did not understand the request"},
      {EN_HANDSHAKE_FAILED, "has a secret, and this side has none"},
      {EN_HANDSHAKE_FAILED, "has no secret, and this side has one"},
      {EN_HANDSHAKE_FAILED, "has another secret"},
  };
  uint32_t status = en_get32(a->reply + 12);
  uint32_t index = status < sizeof known / sizeof *known ? status : 0;
  char why[17] = "";
  if (status == EN_R_NO_REGION) system_error(a->reply + 16, why);
  return en_fail(known[index].status, "The server '%.100s' %s%s%s (status %u).", a->place.name,
                 known[index].text, *why ? ": " : "", why, status);
}

static en_status unproven(const en_connecting *a) {
  return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' did not prove the secret.", a->place.name);
}

static en_status request(en_connecting *a) {
  uint8_t bytes[EN_MESSAGE_BYTES] = {0};
  en_limits limits = en_settings_limits(&a->settings);
  en_put32(bytes, EN_MAGIC_REQUEST);
  en_put32(bytes + 4, EN_LAYOUT_VERSION);
  en_put32(bytes + 8, a->settings.region_size);
  memcpy(bytes + 16, a->nonce, 16);
  en_put_limits(bytes + 32, &limits);
  a->stage = NEEDS_ANSWER;
  return put(a, bytes, sizeof bytes);
}

/* Proves the secret to the server. */
static en_status prove(en_connecting *a) {
  memcpy(a->challenge, a->reply + 16, sizeof a->challenge);
  if (!en_random(a->answer, 32)) return en_fail(EN_HANDSHAKE_FAILED, "The system gave no random bytes.");
  en_proof(a->settings.secret, EN_CLIENT_ROLE, a->challenge, a->answer, a->answer + 32);
  a->stage = NEEDS_PROOF;
  return put(a, a->answer, sizeof a->answer);
}

/* Checks the server's proof. */
static en_status check_proof(en_connecting *a) {
  uint8_t proof[32];
  en_proof(a->settings.secret, EN_SERVER_ROLE, a->challenge, a->answer, proof);
  if (!en_equal(proof, a->reply + 16, sizeof proof)) return unproven(a);
  a->stage = NEEDS_REGION;
  return EN_OK;
}

/* Makes the connection, which then owns the link. */
static en_status finish(en_connecting *a, en_connection **connection) {
  en_status status = en_take_region(a->link, a->region, a->reply, &a->place, &a->settings, connection);
  if (status) return status;
  if (a->watched == a->link) a->watched = EN_NO_LINK;
  a->link = EN_NO_LINK;
  const uint8_t acknowledgement = EN_ACKNOWLEDGEMENT;
  if (en_link_put((*connection)->link, &acknowledgement, 1, -1)) return EN_OK;
  en_connection_free(*connection);
  *connection = NULL;
  return broken_off(a);
}

/* Goes on as far as the server lets it. EN_WOULD_BLOCK: the server has to do something first. */
static en_status ask(en_connecting *a, en_connection **connection) {
  en_status status = EN_OK;
  if (a->stage == NEEDS_LINK) {
    status = en_link_connect(&a->place, a->nonce, &a->link);
    if (!status) status = request(a);
  }
  while (!status) {
    status = take(a);
    if (status) break;
    uint32_t answer = en_get32(a->reply + 12);
    bool granted = answer == EN_R_GRANTED;
    if (a->stage == NEEDS_ANSWER && a->settings.secret && (answer == EN_R_CHALLENGE || granted))
      status = granted ? unproven(a) : prove(a);
    else if (a->stage == NEEDS_PROOF && answer == EN_R_PROOF)
      status = check_proof(a);
    else if (granted)
      return a->stage == NEEDS_PROOF ? unproven(a) : finish(a, connection);
    else
      return refused(a);
  }
  return status;
}

/* Goes to the next server. False: none is left. */
static bool go_on(en_connecting *a) {
  if (!en_search_next(&a->search, &a->place)) return false;
  if (a->region >= 0) en_region_close(a->region);
  a->region = -1;
  if (a->link != EN_NO_LINK) en_link_end(a->link);
  if (a->link != EN_NO_LINK && a->link != a->watched) en_link_close(a->link);
  a->link = EN_NO_LINK;
  a->have = 0;
  a->stage = NEEDS_LINK;
  return true;
}

/* Asks the servers of the name one after the other. EN_WOULD_BLOCK: one has to do something first. */
static en_status advance(en_connecting *a, en_connection **connection) {
  en_search *s = &a->search;
  if (a->stage == NEEDS_SERVER) {
    en_status status = en_search_look(s);
    if (status) return status;
    (void)go_on(a);
  }
  for (;;) {
    en_status status = ask(a, connection);
    bool is_full = status == EN_WOULD_BLOCK && a->stage == NEEDS_LINK;
    if (!status || !s->is_shared || (status == EN_WOULD_BLOCK && !is_full)) return status;
    bool was_last = s->untried == 0;
    if (is_full) s->full |= UINT64_C(1) << s->slot;
    /* If each of the servers left is full, the next call asks them again. */
    if (!go_on(a) || (is_full && was_last)) return status;
  }
}

en_status en_connect_start(const char *endpoint, const en_options *options, en_connecting **attempt) {
  if (!attempt) return en_fail(EN_INVALID_PARAMETER, "attempt is NULL. It takes the new attempt.");
  *attempt = NULL;
  en_connecting a = {.link = EN_NO_LINK, .watched = EN_NO_LINK, .region = -1};
  en_status status = en_settings_take(options, &a.settings);
  if (!status) status = en_place_find(endpoint, a.settings.directory, &a.search.first);
  if (status) return status;
  a.place = a.search.first;
  a.deadline = en_deadline((int)a.settings.connect_timeout_ms);
  en_connecting *made = malloc(sizeof *made);
  if (!made || !en_settings_keep(&a.settings)) {
    free(made);
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "There is no memory for connecting.");
  }
  *made = a;
  *attempt = made;
  return EN_OK;
}

/* Ends the attempt. A link that no connection has stays open, because the program may watch it. */
static void end(en_connecting *a) {
  a->over = true;
  if (a->region >= 0) en_region_close(a->region);
  a->region = -1;
  if (a->link != EN_NO_LINK) en_link_end(a->link);
}

/* Lets the program watch the link. The link before it stayed open, so that this one has another descriptor.
 */
static void show_link(en_connecting *a) {
  if (a->watched != EN_NO_LINK && a->watched != a->link) en_link_close(a->watched);
  a->watched = a->link;
}

en_status en_connect_poll(en_connecting *a, en_connection **connection) {
  if (!connection) return en_fail(EN_INVALID_PARAMETER, "connection is NULL. It takes the new connection.");
  *connection = NULL;
  if (!a) return en_fail(EN_INVALID_PARAMETER, "attempt is NULL.");
  if (a->over) return en_fail(EN_INVALID_PARAMETER, "The attempt is over. Start another one.");
  en_status status = advance(a, connection);
  if (status == EN_WOULD_BLOCK) {
    if (en_left_ms(a->deadline) > 0) {
      show_link(a);
      return en_fail(EN_WOULD_BLOCK, "The server '%.100s' has not answered yet.", a->place.name);
    }
    status = en_fail(EN_TIMEOUT, "The server '%.100s' did not %s in time.", a->place.name,
                     a->stage == NEEDS_LINK ? "take the connection" : "answer");
  }
  end(a);
  return status;
}

int en_connect_descriptor(const en_connecting *a) { return a ? en_link_descriptor(a->link) : -1; }

void en_connect_free(en_connecting *a) {
  if (!a) return;
  end(a);
  if (a->link != EN_NO_LINK) en_link_close(a->link);
  if (a->watched != EN_NO_LINK && a->watched != a->link) en_link_close(a->watched);
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
    if (a->link == EN_NO_LINK)
      en_pause_ms(RETRY_MS);
    else
      (void)en_link_readable(a->link, en_left_ms(a->deadline));
  }
  en_connect_free(a);
  if (!status) en_restore_error(&kept);
  return status;
}
