/* Section 2 of the protocol: the parts that both roles share. */
#ifndef ENTROPYNET_HANDSHAKE_H
#define ENTROPYNET_HANDSHAKE_H

#include "connection.h"
#include "platform.h"

#define EN_CLIENT_ROLE "entropynet client"
#define EN_SERVER_ROLE "entropynet server"

/* Reads the bytes of a message that have arrived. 1: it is complete; 0: not yet; -1: the link has ended. */
int en_message_take(en_link link, uint8_t bytes[EN_MESSAGE_BYTES], uint32_t *have, en_handle *region);

/* Checks the region that came with the reply of a server, and makes the connection, which then owns the link.
 * The caller still owns the descriptor of the region. */
en_status en_take_region(en_link link, en_handle region, const uint8_t reply[EN_MESSAGE_BYTES],
                         const en_place *place, const en_settings *settings, en_connection **connection);

#endif
