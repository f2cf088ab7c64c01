/* The name of a server in the discovery directory: a file whose lock is its life lock. */
#ifndef ENTROPYNET_NAMES_H
#define ENTROPYNET_NAMES_H

#include "win32.h"

typedef struct {
  uint8_t nonce[16];
  uint32_t max_connections;
  char library[EN_LIBRARY_BYTES + 1];
  HANDLE region; /* holds the life lock; INVALID_HANDLE_VALUE: none */
  en_file file;
} en_names;

/* Takes the name; `listen` runs before clients can find it. EN_ADDRESS_IN_USE: a living server has it. */
en_status en_names_take(en_names *names, const en_place *place, int64_t deadline,
                        en_status (*listen)(void *user), void *user);
/* Makes the name again if its file was removed or replaced. */
en_status en_names_renew(en_names *names, const en_place *place);
/* Removes the name if it still belongs to its own file, and gives the lock back. */
void en_names_give_back(en_names *names, const en_place *place);

#endif
