/* The server's side of the handshake. Section 2 of the protocol. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

typedef enum { AWAITS_REQUEST, AWAITS_PROOF, AWAITS_ACKNOWLEDGEMENT } stage;

struct en_handshake {
  en_link link;
  stage stage;
  uint8_t bytes[EN_MESSAGE_BYTES], challenge[32];
  uint32_t have;
  int64_t deadline;
  en_limits peer;
  uint32_t region_size;
  uint8_t *region;
  bool has_place;
};

void en_handshake_drop(en_server *s, uint32_t index) {
  en_handshake *h = s->underway[index];
  if (h->region) {
    atomic_store((_Atomic uint32_t *)(void *)(h->region + 72), 1);
    en_region_unmap(h->region, h->region_size);
  }
  if (h->has_place) (void)atomic_fetch_sub(&s->places->used, 1);
  if (h->link != EN_NO_LINK) {
    /* Another thread may close it, and until then it stays readable. */
    en_listener_unwatch(s->listener, h->link);
    en_link_close(h->link);
  }
  free(h);
  s->underway[index] = s->underway[--s->count];
}

/* Sends an answer of 64 bytes. `body` has 16 bytes, or 32 for a challenge and a proof. */
static bool answer(const en_server *s, const en_handshake *h, uint32_t status, const uint8_t *body,
                   size_t length, en_handle region) {
  uint8_t reply[EN_MESSAGE_BYTES] = {0};
  en_put32(reply, EN_MAGIC_REPLY);
  en_put32(reply + 4, EN_LAYOUT_VERSION);
  en_put32(reply + 8, status == EN_R_GRANTED ? h->region_size : 0);
  en_put32(reply + 12, status);
  if (length <= 16) en_put_limits(reply + 32, &s->limits);
  if (length) memcpy(reply + 16, body, length);
  return en_link_put(h->link, reply, sizeof reply, region);
}

/* Returns false, so that the handshake ends. */
static bool refuse(const en_server *s, const en_handshake *h, uint32_t status, const char *why) {
  uint8_t body[16] = {0};
  if (why) memcpy(body, why, strlen(why) < sizeof body ? strlen(why) : sizeof body);
  (void)answer(s, h, status, body, sizeof body, -1);
  return false;
}

bool en_has_left(const en_connection *c) {
  return en_link_drain(c->link) != EN_LINK_OPEN && !en_has_unread(c);
}

/* Frees the places of clients that left before the program accepted them. */
static void forget_left(en_server *s) {
  en_ready **at = &s->first;
  s->last = NULL;
  while (*at) {
    en_ready *item = *at;
    if (!en_has_left(item->connection)) {
      s->last = item;
      at = &item->next;
      continue;
    }
    *at = item->next;
    en_connection_free(item->connection);
    free(item);
  }
}

static bool take_place(en_server *s, en_handshake *h) {
  if (atomic_load(&s->places->used) >= s->settings.max_connections) forget_left(s);
  if (s->settings.admit && s->settings.admit(s->settings.admit_user) != EN_OK) return false;
  if (atomic_fetch_add(&s->places->used, 1) >= s->settings.max_connections) {
    (void)atomic_fetch_sub(&s->places->used, 1);
    return false;
  }
  h->has_place = true;
  return true;
}

/* Makes the region and passes it. */
static bool grant(en_server *s, en_handshake *h) {
  const char *why = NULL;
  en_handle descriptor;
  uint8_t identity[16];
  if (!take_place(s, h)) return refuse(s, h, EN_R_FULL, NULL);
  if (h->region_size < EN_MIN_REGION) return refuse(s, h, EN_R_NOT_UNDERSTOOD, NULL);
  if (!en_random(identity, sizeof identity)) return refuse(s, h, EN_R_NO_REGION, NULL);
  if (en_region_make(h->region_size, &descriptor, &h->region, &why)) return refuse(s, h, EN_R_NO_REGION, why);
  en_put32(h->region, EN_MAGIC_REGION);
  en_put32(h->region + 4, EN_LAYOUT_VERSION);
  en_put32(h->region + 8, h->region_size);
  en_put32(h->region + 12, (h->region_size - 256) / 2 & ~7u);
  memcpy(h->region + 16, identity, sizeof identity);
  en_put32(h->region + 32, en_process());
  en_put32(h->region + 36, en_link_process(h->link));
  uint64_t made_at = en_epoch_ms();
  en_put32(h->region + 40, (uint32_t)made_at);
  en_put32(h->region + 44, (uint32_t)(made_at >> 32));
  en_put_library(h->region + EN_SERVER_LIBRARY, s->settings.library);
  bool sent = answer(s, h, EN_R_GRANTED, identity, sizeof identity, descriptor);
  en_region_close(descriptor);
  h->stage = AWAITS_ACKNOWLEDGEMENT;
  return sent;
}

static bool request_came(en_server *s, en_handshake *h) {
  uint32_t version;
  const uint8_t *bytes = h->bytes;
  if (en_get32(bytes) != EN_MAGIC_REQUEST) return refuse(s, h, EN_R_NOT_UNDERSTOOD, NULL);
  if (en_get32(bytes + 4) != EN_LAYOUT_VERSION) return refuse(s, h, EN_R_VERSION, NULL);
  if (!en_get_limits(bytes + 32, &h->peer, &version)) return refuse(s, h, EN_R_NOT_UNDERSTOOD, NULL);
  if (version != EN_FRAME_VERSION) return refuse(s, h, EN_R_VERSION, NULL);
  if (memcmp(bytes + 16, s->nonce, sizeof s->nonce) != 0) return refuse(s, h, EN_R_NONCE, NULL);
  uint32_t most = en_get32(bytes + 8);
  h->region_size = most < s->settings.region_size ? most : s->settings.region_size;
  bool has_secret = (h->peer.flags & EN_FLAG_SECRET) != 0;
  if (s->settings.secret && !has_secret) return refuse(s, h, EN_R_SECRET_MISSING, NULL);
  if (!s->settings.secret && has_secret) return refuse(s, h, EN_R_SECRET_UNWANTED, NULL);
  if (!s->settings.secret) return grant(s, h);
  if (!en_random(h->challenge, sizeof h->challenge)) return refuse(s, h, EN_R_NO_REGION, NULL);
  h->stage = AWAITS_PROOF;
  return answer(s, h, EN_R_CHALLENGE, h->challenge, sizeof h->challenge, -1);
}

static bool proof_came(en_server *s, en_handshake *h) {
  uint8_t proof[32];
  en_proof(s->settings.secret, EN_CLIENT_ROLE, h->challenge, h->bytes, proof);
  if (!en_equal(proof, h->bytes + 32, sizeof proof)) return refuse(s, h, EN_R_SECRET_WRONG, NULL);
  en_proof(s->settings.secret, EN_SERVER_ROLE, h->challenge, h->bytes, proof);
  return answer(s, h, EN_R_PROOF, proof, sizeof proof, -1) && grant(s, h);
}

/* The client is connected, and its connection waits for en_accept(). False: this side can't keep it. */
static bool keep(en_server *s, en_handshake *h) {
  en_ready *item = malloc(sizeof *item);
  en_connection *connection;
  if (!item) return false;
  if (en_connection_make(h->link, h->region, h->region_size, true, &h->peer, &s->settings, &connection)) {
    free(item);
    return false;
  }
  en_listener_unwatch(s->listener, h->link);
  connection->places = s->places;
  (void)atomic_fetch_add(&s->places->owners, 1);
  *item = (en_ready){NULL, connection, true};
  if (s->last)
    s->last->next = item;
  else
    s->first = item;
  s->last = item;
  h->link = EN_NO_LINK;
  h->region = NULL;
  h->has_place = false;
  return true;
}

/* Continues a handshake as far as the client's bytes allow. False: it is over. */
static bool advance(en_server *s, en_handshake *h) {
  for (;;) {
    if (h->stage == AWAITS_ACKNOWLEDGEMENT) {
      int got = en_link_take(h->link, h->bytes, 1, NULL);
      if (got == 0) return en_left_ms(h->deadline) > 0;
      if (got > 0) (void)keep(s, h);
      return false;
    }
    int got = en_message_take(h->link, h->bytes, &h->have, NULL);
    if (got < 0) return false;
    if (got == 0) return en_left_ms(h->deadline) > 0;
    h->have = 0;
    if (!(h->stage == AWAITS_REQUEST ? request_came(s, h) : proof_came(s, h))) return false;
  }
}

void en_clients_take(en_server *s) {
  while (s->count < EN_HANDSHAKES) {
    en_link link = en_listener_take(s->listener);
    if (link == EN_NO_LINK) break;
    en_handshake *h = calloc(1, sizeof *h);
    if (!h || !en_listener_watch(s->listener, link)) {
      en_link_close(link);
      free(h);
      break;
    }
    h->link = link;
    h->deadline = en_deadline((int)s->settings.handshake_timeout_ms);
    s->underway[s->count++] = h;
  }
  for (uint32_t i = s->count; i-- > 0;) {
    if (!advance(s, s->underway[i])) en_handshake_drop(s, i);
  }
  en_listener_hold(s->listener, s->count == EN_HANDSHAKES);
}

int en_handshakes_left_ms(const en_server *s, int ms) {
  for (uint32_t i = 0; i < s->count; i++) {
    int left = en_left_ms(s->underway[i]->deadline);
    if (left < ms) ms = left;
  }
  return ms;
}
