/* The client's side of the handshake. Section 2 of the protocol. */
#include <string.h>

#include "handshake.h"

int en_message_take(int link, uint8_t bytes[EN_MESSAGE_BYTES], uint32_t *have, int *region) {
  int got = en_link_take(link, bytes + *have, EN_MESSAGE_BYTES - *have, region);
  if (got < 0) return got;
  *have += (uint32_t)got;
  return *have == EN_MESSAGE_BYTES;
}

typedef struct {
  const en_settings *settings;
  const en_place *place;
  int64_t deadline;
  int link, region;
  uint8_t nonce[16], reply[EN_MESSAGE_BYTES];
} attempt;

/* A dying server ends the streams of the clients in its queue. */
static en_status broken_off(const attempt *a) {
  if (!en_link_server_lives(a->place)) {
    return en_fail(EN_PEER_DIED, "The server '%.100s' died during the handshake.", a->place->name);
  }
  return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' ended the handshake.", a->place->name);
}

static en_status put(const attempt *a, const uint8_t *bytes, size_t length) {
  return en_link_put(a->link, bytes, length, -1) ? EN_OK : broken_off(a);
}

static en_status take(attempt *a) {
  uint32_t have = 0;
  for (;;) {
    int got = en_message_take(a->link, a->reply, &have, &a->region);
    if (got == EN_TAKE_NO_DESCRIPTOR)
      return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The process has no number left for a descriptor.");
    if (got == EN_TAKE_ABUSED) {
      return en_fail(EN_SHARED_MEMORY_PERMISSION,
                     "The server '%.100s' passed something else than one sealed memory file.",
                     a->place->name);
    }
    if (got < 0) return broken_off(a);
    if (got > 0) break;
    if (!en_link_readable(a->link, en_left_ms(a->deadline)) && en_left_ms(a->deadline) == 0) {
      return en_fail(EN_TIMEOUT, "The server '%.100s' did not answer in time.", a->place->name);
    }
  }
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

static en_status refused(const attempt *a) {
  static const struct {
    en_status status;
    const char *text;
  } known[] = {
      {EN_HANDSHAKE_FAILED, "refused the connection"},
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
  return en_fail(known[index].status, "The server '%.100s' %s%s%s (status %u).", a->place->name,
                 known[index].text, *why ? ": " : "", why, status);
}

/* Proves the secret to the server, and checks the server's proof. */
static en_status authenticate(attempt *a) {
  uint8_t challenge[32], answer[EN_MESSAGE_BYTES], proof[32];
  memcpy(challenge, a->reply + 16, 32);
  if (!en_random(answer, 32)) return en_fail(EN_HANDSHAKE_FAILED, "The system gave no random bytes.");
  en_proof(a->settings->secret, EN_CLIENT_ROLE, challenge, answer, answer + 32);
  en_status status = put(a, answer, sizeof answer);
  if (!status) status = take(a);
  if (status) return status;
  if (en_get32(a->reply + 12) != EN_R_PROOF) return refused(a);
  en_proof(a->settings->secret, EN_SERVER_ROLE, challenge, answer, proof);
  if (!en_equal(proof, a->reply + 16, 32)) {
    return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' did not prove the secret.", a->place->name);
  }
  return take(a);
}

static en_status negotiate(attempt *a) {
  uint8_t request[EN_MESSAGE_BYTES] = {0};
  en_limits limits = en_settings_limits(a->settings);
  en_put32(request, EN_MAGIC_REQUEST);
  en_put32(request + 4, EN_LAYOUT_VERSION);
  en_put32(request + 8, a->settings->region_size);
  memcpy(request + 16, a->nonce, 16);
  en_put_limits(request + 32, &limits);
  en_status status = put(a, request, sizeof request);
  if (!status) status = take(a);
  if (status) return status;
  uint32_t answer = en_get32(a->reply + 12);
  if (a->settings->secret && answer == EN_R_CHALLENGE) {
    status = authenticate(a);
    if (status) return status;
  } else if (a->settings->secret && answer == EN_R_GRANTED) {
    return en_fail(EN_HANDSHAKE_FAILED, "The server '%.100s' did not prove the secret.", a->place->name);
  }
  return en_get32(a->reply + 12) == EN_R_GRANTED ? EN_OK : refused(a);
}

static uint32_t word(const uint8_t *region, uint32_t offset) {
  return atomic_load((_Atomic uint32_t *)(uintptr_t)(region + offset));
}

/* The server wrote line 0. This side's own words must be 0, because it counts from there. */
static en_status check_control_block(const uint8_t *region, uint32_t size, const uint8_t identity[16]) {
  static const uint32_t own[] = {128, 132, 136, 200, 204};
  uint8_t line[64];
  memcpy(line, region, sizeof line); /* the server can change it at any moment */
  if (en_get32(line) != EN_MAGIC_REGION || en_get32(line + 12) != ((size - 256) / 2 & ~7u) ||
      memcmp(line + 16, identity, 16) != 0) {
    return en_fail(EN_SHARED_MEMORY_CORRUPTED, "The first line of the server's region is wrong.");
  }
  if (en_get32(line + 4) != EN_LAYOUT_VERSION) {
    return en_fail(EN_INCOMPATIBLE_VERSION,
                   "The server's region has layout version %u, and this library knows %u.",
                   en_get32(line + 4), EN_LAYOUT_VERSION);
  }
  if (en_get32(line + 8) != size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server's region says that it has %u bytes, and it has %u.", en_get32(line + 8), size);
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (word(region, own[i]) != 0) {
      return en_fail(EN_SHARED_MEMORY_CORRUPTED, "The word at %u of the server's region is not 0.", own[i]);
    }
  }
  return EN_OK;
}

/* Checks the region that came with the reply, and makes the connection, which then owns the link. */
static en_status finish(attempt *a, en_connection **connection) {
  uint32_t size = en_get32(a->reply + 8), version = 0;
  uint8_t *region;
  en_limits peer;
  if (!en_get_limits(a->reply + 32, &peer, &version)) {
    return en_fail(EN_HANDSHAKE_FAILED, "The greeting of the server '%.100s' is none.", a->place->name);
  }
  if (version != EN_FRAME_VERSION) {
    return en_fail(EN_INCOMPATIBLE_VERSION, "The server uses version %u of the frames, and this library %u.",
                   version, EN_FRAME_VERSION);
  }
  if (a->region < 0) return en_fail(EN_HANDSHAKE_FAILED, "The server passed no region.");
  if (size < EN_MIN_REGION || size > a->settings->region_size) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server gave a region of %u bytes. Allowed are %u to %u.", size, EN_MIN_REGION,
                   a->settings->region_size);
  }
  en_status status = en_region_map(a->region, size, &region);
  if (status) return status;
  status = check_control_block(region, size, a->reply + 16);
  if (!status) status = en_connection_make(a->link, region, size, false, &peer, a->settings, connection);
  if (status) {
    en_region_unmap(region, size);
    return status;
  }
  a->link = -1;
  en_put_library(region + EN_CLIENT_LIBRARY, a->settings->library);
  const uint8_t acknowledgement = EN_ACKNOWLEDGEMENT;
  if (en_link_put((*connection)->link, &acknowledgement, 1, -1)) return EN_OK;
  en_connection_free(*connection);
  *connection = NULL;
  return broken_off(a);
}

en_status en_connect(const char *endpoint, const en_options *options, en_connection **connection) {
  en_settings settings;
  en_place place;
  if (!connection) return en_fail(EN_INVALID_PARAMETER, "connection is NULL. It takes the new connection.");
  *connection = NULL;
  en_status status = en_settings_take(options, &settings);
  if (!status) status = en_place_find(endpoint, settings.directory, &place);
  if (status) return status;
  attempt a = {.settings = &settings, .place = &place, .link = -1, .region = -1};
  a.deadline = en_deadline((int)settings.connect_timeout_ms);
  status = en_link_connect(&place, a.deadline, a.nonce, &a.link);
  if (!status) status = negotiate(&a);
  if (!status) status = finish(&a, connection);
  if (a.region >= 0) en_region_close(a.region);
  if (a.link >= 0) en_link_close(a.link);
  return status;
}
