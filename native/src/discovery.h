/* The discovery region: the file by which clients find a server. Section 1 of the protocol. */
#ifndef ENTROPYNET_DISCOVERY_H
#define ENTROPYNET_DISCOVERY_H

#include "platform.h"
#include "wire.h"

typedef struct {
  uint8_t nonce[16];
  uint32_t process;
  bool is_shared; /* the server shares its name with others */
} en_discovery;

/* Writes the region of a server in this process. */
void en_discovery_write(uint8_t bytes[EN_MESSAGE_BYTES], const uint8_t nonce[16], uint32_t max_connections,
                        const char *library);
/* Checks the bytes of a region, and takes what a client needs. */
en_status en_discovery_read(const en_place *place, const uint8_t bytes[EN_MESSAGE_BYTES],
                            en_discovery *found);
/* Reports that a file is no discovery region. */
en_status en_discovery_wrong(const en_place *place);

#endif
