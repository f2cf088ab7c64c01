/* Ids: the functions that the two files of channels share. */
#ifndef ENTROPYNET_SLOTS_H
#define ENTROPYNET_SLOTS_H

#include "connection.h"

/* The channel of an id; NULL: none. */
en_slot *en_id_slot(const en_ids *ids, uint32_t id);
/* Gives an id to a channel. False: there is no memory. */
bool en_id_set(en_ids *ids, uint32_t id, en_slot *slot);
/* Returns the lowest free id, or the next one; 0: all are used. */
uint32_t en_id_unused(const en_ids *ids);

#endif
