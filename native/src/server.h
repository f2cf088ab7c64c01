/* A server, and the functions that its two files share. */
#ifndef ENTROPYNET_SERVER_H
#define ENTROPYNET_SERVER_H

#include "handshake.h"

/* The largest number of handshakes. Further clients wait in the kernel. */
#define EN_HANDSHAKES 64

typedef struct en_handshake en_handshake;

typedef struct en_ready {
  struct en_ready *next;
  en_connection *connection;
  bool fresh; /* its handshake was completed by the running en_accept() */
} en_ready;

struct en_server {
  en_settings settings;
  en_limits limits;
  en_listener *listener;
  uint8_t nonce[16];
  en_handshake *underway[EN_HANDSHAKES];
  uint32_t count;
  en_ready *first, *last;
  en_places *places;
  _Atomic int interrupted;
  bool nameless;
};

/* Takes the clients that wait, and continues each handshake as far as the client's bytes allow. */
void en_clients_take(en_server *s);
/* Whether the client of a connection that nobody has accepted left, and left no message. */
bool en_has_left(const en_connection *connection);
/* Ends a handshake. The client may be connected by then, so it gets a goodbye. */
void en_handshake_drop(en_server *s, uint32_t index);
/* Milliseconds until the next handshake is over, at most `ms`. */
int en_handshakes_left_ms(const en_server *s, int ms);

#endif
