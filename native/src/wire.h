/* The values that every transport of EntropyNet sends, as the numbers on the wire. */
#ifndef ENTROPYNET_WIRE_H
#define ENTROPYNET_WIRE_H

#include <entropynet.h>
#include <stdbool.h>

#define EN_LAYOUT_VERSION 1u
#define EN_FRAME_VERSION 1u
#define EN_MIN_REGION (64u * 1024)
#define EN_MAX_REGION (1024u * 1024 * 1024)
#define EN_MIN_WINDOW (16u * 1024)
#define EN_FRAME_COST 64u
#define EN_MESSAGE_BYTES 64u /* each message of the handshake, and the discovery region */

#define EN_MAGIC_DISCOVERY 0x444e5045u
#define EN_MAGIC_REQUEST 0x514e5045u
#define EN_MAGIC_REPLY 0x524e5045u
#define EN_MAGIC_GREETING 0x4e504e45u
#define EN_MAGIC_REGION 0x4e504e45u
/* The flags of the discovery region; 1: the server shares its name. */
#define EN_DISCOVERY_FLAGS 40u
#define EN_FLAG_SHARED 1u
/* The places of the texts by which the sides introduce themselves. */
#define EN_DISCOVERY_LIBRARY 44u
#define EN_SERVER_LIBRARY 80u
#define EN_CLIENT_LIBRARY 144u
#define EN_ACKNOWLEDGEMENT 0x06

#define EN_FLAG_SECRET 1u
#define EN_FLAG_CLOSE 2u
#define EN_FLAG_DROPPED 8u /* the peer understands EN_F_DROPPED; this library only sends it */

enum {
  EN_F_MESSAGE = 0,
  EN_F_START,
  EN_F_FRAGMENT,
  EN_F_ABORT,
  EN_F_OPEN,
  EN_F_REFUSE,
  EN_F_UPDATE,
  EN_F_CLOSE,
  EN_F_CLOSED,
  EN_F_DROPPED
};

/* The status of a reply. */
enum {
  EN_R_GRANTED = 0,
  EN_R_VERSION = 1,
  EN_R_FULL = 2,
  EN_R_NONCE = 3,
  EN_R_NO_REGION = 4,
  EN_R_NOT_UNDERSTOOD = 5,
  EN_R_SECRET_MISSING = 6,
  EN_R_SECRET_UNWANTED = 7,
  EN_R_SECRET_WRONG = 8,
  EN_R_CHALLENGE = 256,
  EN_R_PROOF = 257
};

typedef struct {
  uint32_t max_message, window, channels, flags;
} en_limits;

uint32_t en_get32(const uint8_t *at);
void en_put32(uint8_t *at, uint32_t value);
void en_put_limits(uint8_t *at, const en_limits *limits);
/* False: no greeting. *version is set if the magic is right, because everything after it may differ in
 * another version. */
bool en_get_limits(const uint8_t *at, en_limits *limits, uint32_t *version);
/* Writes a text of at most EN_LIBRARY_BYTES. The bytes after it are 0 already. */
void en_put_library(uint8_t *at, const char *library);
/* Copies the text of a side, which the side can change at any moment. Empty if it is not a text. */
void en_get_library(const uint8_t *at, char library[EN_LIBRARY_BYTES + 1]);
/* Returns whether this is a text by which a side may introduce itself. */
bool en_is_library(const char *library);
bool en_is_utf8(const uint8_t *bytes, size_t length);

/* sha256.c */
void en_sha256(const void *bytes, size_t length, uint8_t out[32]);
void en_proof(const char *secret, const char *role, const uint8_t server[32], const uint8_t client[32],
              uint8_t out[32]);
bool en_equal(const uint8_t *a, const uint8_t *b, size_t length);

#endif
