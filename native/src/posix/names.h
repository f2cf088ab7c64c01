/* The two names of a server in the discovery directory. */
#ifndef ENTROPYNET_NAMES_H
#define ENTROPYNET_NAMES_H

#include <sys/types.h>
#include <sys/un.h>

#include "../platform.h"

typedef struct {
  dev_t device;
  ino_t inode;
} en_file;

typedef struct {
  uint8_t nonce[16];
  uint32_t max_connections;
  char library[EN_LIBRARY_BYTES + 1];
  int socket, region; /* the listening socket; the region's file, whose lock is the life lock */
  en_file socket_file, region_file;
} en_names;

/* The address of the socket at a place. */
void en_address_of(const en_place *place, struct sockaddr_un *address);

/* Opens the directory if it is safe. If it is missing and `make` is true, makes it first. */
en_status en_place_open(const en_place *place, bool make, int *directory);

/* Closes a listening socket without waiting for what clients have put into it. */
void en_listening_close(int socket);

void en_names_clear(en_names *names);
/* Takes both names and listens. EN_ADDRESS_IN_USE: a living server has them. */
en_status en_names_take(en_names *names, const en_place *place, int64_t deadline);
/* Makes the names again whose files were removed or replaced. If names->socket changes, the old one stays
 * open. */
en_status en_names_renew(en_names *names, const en_place *place);
/* Removes the names that still belong to its own files, and closes. */
void en_names_give_back(en_names *names, const en_place *place);

#endif
