/* The client's side of the handshake. Section 2 of the protocol. */
#include "asking.h"

#include <string.h>

int en_message_take(en_link link, uint8_t bytes[EN_MESSAGE_BYTES], uint32_t *have, en_handle *region) {
  int got = en_link_take(link, bytes + *have, EN_MESSAGE_BYTES - *have, region);
  if (got < 0) return got;
  *have += (uint32_t)got;
  return *have == EN_MESSAGE_BYTES;
}

/* A dying server ends the streams of the clients in its queue. */
static en_status broken_off(const en_asking *a) {
  if (!en_link_server_lives(&a->place, a->nonce)) {
    return en_fail(EN_PEER_DIED, "The server '%.100s' died during the handshake.", a->place.name);
  }
  return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' ended the handshake.", a->place.name);
}

static en_status put(const en_asking *a, const uint8_t *bytes, size_t length) {
  return en_link_put(a->link, bytes, length, -1) ? EN_OK : broken_off(a);
}

static void drop_region(en_asking *a) {
  if (a->region >= 0) en_region_close(a->region);
  a->region = -1;
}

/* Takes the next reply. EN_WOULD_BLOCK: it has not come yet. */
static en_status take(en_asking *a) {
  int got = en_message_take(a->link, a->reply, &a->have, &a->region);
  if (got == EN_TAKE_NO_DESCRIPTOR)
    return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The process has no number left for a descriptor.");
  if (got == EN_TAKE_SEVERAL)
    return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' passed more than one descriptor.",
                   a->place.name);
  if (got == EN_TAKE_ABUSED) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION, "The server '%.100s' passed something else than a region.",
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
  /* No descriptor belongs to another answer. */
  if (en_get32(a->reply + 12) != EN_R_GRANTED) drop_region(a);
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

static en_status refused(const en_asking *a) {
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

static en_status unproven(const en_asking *a) {
  return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' did not prove the secret.", a->place.name);
}

static en_status request(en_asking *a) {
  uint8_t bytes[EN_MESSAGE_BYTES] = {0};
  en_limits limits = en_settings_limits(a->settings);
  en_put32(bytes, EN_MAGIC_REQUEST);
  en_put32(bytes + 4, EN_LAYOUT_VERSION);
  en_put32(bytes + 8, a->settings->region_size);
  memcpy(bytes + 16, a->nonce, 16);
  en_put_limits(bytes + 32, &limits);
  a->stage = EN_NEEDS_ANSWER;
  return put(a, bytes, sizeof bytes);
}

/* Proves the secret to the server. */
static en_status prove(en_asking *a) {
  memcpy(a->challenge, a->reply + 16, sizeof a->challenge);
  if (!en_random(a->answer, 32)) return en_fail(EN_HANDSHAKE_FAILED, "The system gave no random bytes.");
  en_proof(a->settings->secret, EN_CLIENT_ROLE, a->challenge, a->answer, a->answer + 32);
  a->stage = EN_NEEDS_PROOF;
  return put(a, a->answer, sizeof a->answer);
}

/* Checks the server's proof. */
static en_status check_proof(en_asking *a) {
  uint8_t proof[32];
  en_proof(a->settings->secret, EN_SERVER_ROLE, a->challenge, a->answer, proof);
  if (!en_equal(proof, a->reply + 16, sizeof proof)) return unproven(a);
  a->stage = EN_NEEDS_REGION;
  return EN_OK;
}

/* Makes the connection, which then owns the link. */
static en_status finish(en_asking *a, en_connection **connection) {
  en_status status = en_take_region(a->link, a->region, a->reply, &a->place, a->settings, connection);
  if (status) return status;
  a->link = EN_NO_LINK;
  const uint8_t acknowledgement = EN_ACKNOWLEDGEMENT;
  if (en_link_put((*connection)->link, &acknowledgement, 1, -1)) return EN_OK;
  en_connection_free(*connection);
  *connection = NULL;
  return broken_off(a);
}

en_status en_ask(en_asking *a, en_connection **connection) {
  en_status status = EN_OK;
  if (a->stage == EN_NEEDS_LINK) {
    status = en_link_connect(&a->place, a->nonce, &a->link);
    if (!status) status = request(a);
  }
  while (!status) {
    status = take(a);
    if (status) break;
    uint32_t answer = en_get32(a->reply + 12);
    bool granted = answer == EN_R_GRANTED;
    if (a->stage == EN_NEEDS_ANSWER && a->settings->secret && (answer == EN_R_CHALLENGE || granted))
      status = granted ? unproven(a) : prove(a);
    else if (a->stage == EN_NEEDS_PROOF && answer == EN_R_PROOF)
      status = check_proof(a);
    else if (granted)
      return a->stage == EN_NEEDS_PROOF ? unproven(a) : finish(a, connection);
    else
      return refused(a);
  }
  return status;
}

void en_asking_end(en_asking *a) {
  drop_region(a);
  if (a->link != EN_NO_LINK) en_link_end(a->link);
}
