/* The handshake with one server. Section 2 of the protocol, the client's side. */
#ifndef ENTROPYNET_ASKING_H
#define ENTROPYNET_ASKING_H

#include "handshake.h"

typedef struct {
  const en_settings *settings;
  en_place place; /* of the server */
  enum { EN_NEEDS_LINK, EN_NEEDS_ANSWER, EN_NEEDS_PROOF, EN_NEEDS_REGION } stage;
  en_link link; /* EN_NO_LINK while the server's queue has no place, and once a connection has the link */
  en_handle region;
  uint32_t have; /* bytes of the reply that have come */
  uint8_t nonce[16], reply[EN_MESSAGE_BYTES], challenge[32], answer[EN_MESSAGE_BYTES];
} en_asking;

/* Goes on as far as the server lets it. EN_WOULD_BLOCK: the server has to do something first. */
en_status en_ask(en_asking *asking, en_connection **connection);
/* Ends the handshake. Its link stays open, because the program may watch it. */
void en_asking_end(en_asking *asking);

#endif
