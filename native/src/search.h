/* The choice of a client among the servers of one name. Section 1 of the protocol, "Several servers of one
 * name". */
#ifndef ENTROPYNET_SEARCH_H
#define ENTROPYNET_SEARCH_H

#include "platform.h"

typedef struct {
  en_place first;               /* slot 0 */
  bool is_shared;               /* the name may have other servers beside the one that is asked */
  uint32_t slot;                /* of the server that is asked */
  uint64_t untried, again;      /* a bit for each slot: servers to ask, and to ask again after these */
  uint64_t found;               /* a bit for each slot in which a server was found */
  uint8_t nonces[EN_SLOTS][16]; /* of these servers */
} en_search;

/* Looks for servers that it has not found before. Without any, returns why slot 0 has none; EN_OK if it has
 * one. */
en_status en_search_look(en_search *search);
/* Chooses the next server at random, and gives its place. False: each server has failed. Keeps the error of
 * the thread. */
bool en_search_next(en_search *search, en_place *place);

#endif
