/* Writing frames: the functions that the two files of the sending side share. */
#ifndef ENTROPYNET_FRAMES_H
#define ENTROPYNET_FRAMES_H

#include "connection.h"

/* Finds room for a frame. If there is none, it asks the peer to report room. */
uint8_t *en_reserve(en_connection *c, uint32_t length, uint32_t *skip);
/* Takes the cost of a frame off the window. */
void en_spend(en_connection *c, en_slot *slot, uint32_t length);
/* Writes a frame that uses window. False: there is no room or no window. */
bool en_write_data(en_connection *c, en_slot *slot, uint32_t type, const void *bytes, uint32_t length);
/* Counts a message that was written whole. */
void en_count_sent(en_connection *c, size_t length);
/* Returns whether an earlier message of the channel or a frame about channels goes first. */
bool en_must_wait(const en_connection *c, const en_slot *slot);
/* Writes what goes before a message of this length: everything that waits, and before the channel `control`
 * at most one frame. */
void en_flush_before(en_connection *c, const en_slot *slot, size_t length);

#endif
