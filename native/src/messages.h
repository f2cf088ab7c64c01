/* How frames become messages: the functions that the two files of the receiving side share. */
#ifndef ENTROPYNET_MESSAGES_H
#define ENTROPYNET_MESSAGES_H

#include "connection.h"

/* The window that a frame costs. */
static inline uint32_t en_cost(uint32_t length) { return length + EN_FRAME_COST; }

/* Returns consumed window to the peer, half a window at a time. */
static inline void en_give_back(en_connection *c, en_slot *slot, uint32_t bytes) {
  if (slot->in != EN_IN_OPEN) return;
  slot->owed += bytes;
  if (slot->owed < c->own.window / 2) return;
  c->work = true;
  if (!c->holding) en_flush(c);
}

/* Hands a message to the callback of its channel. `memory` has its bytes; NULL: they are in the ring. Returns
 * `memory`, or NULL if the program took it. */
static inline void *en_call(en_connection *c, en_slot *slot, void *memory, const void *bytes,
                            uint32_t length) {
  en_message message = {bytes, length, slot->number};
  c->stats.messages_received++;
  c->stats.bytes_received += length;
  c->called = memory;
  slot->callback(c, &message, slot->user);
  memory = c->called;
  c->called = NULL;
  return memory;
}

/* Makes room in a buffer and keeps its bytes. The buffer grows with the bytes that have arrived, not with
 * the announced length. False: there is no memory. */
bool en_grow(uint8_t **buffer, uint32_t *room, uint32_t length, uint32_t most);
/* Ends the connection, because there is no memory for a message. */
en_status en_no_memory(en_connection *c);
/* Adds a frame to the present message. True: the message is complete. */
bool en_assemble(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length);
/* Hands the assembled message to the callback. The callback may receive, and so assemble, another one. */
void en_call_assembled(en_connection *c, en_slot *slot);
/* Keeps a frame until the program takes it. */
en_status en_park(en_connection *c, en_slot *slot, uint32_t type, const uint8_t *bytes, uint32_t length);

#endif
