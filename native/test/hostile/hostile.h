/* Groups of checks of a peer that breaks the protocol, and the helper that they share. */
#ifndef ENTROPYNET_HOSTILE_H
#define ENTROPYNET_HOSTILE_H

#include "../pair.h"

/* Two sides with a small window and region. */
en_pair small_pair(void);

/* Sends each frame that is wrong by itself. Returns their number. */
size_t frames(void);
void sequences(void);
void words(void);
void descriptors(void);
void a_queue_without_descriptors(void);
#ifdef __GLIBC__
void a_refused_thread(void);
#endif
void a_forked_process(void);
void dropped_clients(void);
void flood(void);

#endif
