/* Section 4 of the protocol: one direction, from the view of one side. */
#ifndef ENTROPYNET_RING_H
#define ENTROPYNET_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint8_t *bytes;
  _Atomic uint32_t *tail, *head;
  uint32_t capacity;
  uint32_t position, offset; /* this side's own, never read back from the region */
  uint32_t other;            /* the last position of the other side that was read and checked */
} en_ring;

typedef struct {
  uint32_t header, length;
  const uint8_t *payload; /* in the ring: the peer can change the bytes at any moment */
} en_frame;

enum { EN_RING_NONE = 0, EN_RING_FRAME = 1, EN_RING_CORRUPT = -1 };

/* The longest payload of a producer. */
uint32_t en_ring_longest(uint32_t capacity);
/* Finds room for one frame and returns the place of its payload; NULL: none now, or *corrupt. *skip is the
 * padding. */
uint8_t *en_ring_reserve(en_ring *ring, uint32_t length, uint32_t *skip, bool *corrupt);
/* Publishes the frame for which en_ring_reserve() found room. */
void en_ring_publish(en_ring *ring, uint32_t length, uint32_t header, uint32_t skip);
/* Reads the peer's head again. False: it is impossible. */
bool en_ring_look_at_head(en_ring *ring);
/* Reads the peer's tail again. False: it is impossible. */
bool en_ring_look_at_tail(en_ring *ring);
/* Returns the next frame before the last tail that was read. */
int en_ring_next(en_ring *ring, en_frame *frame);
void en_ring_skip(en_ring *ring, uint32_t length);

#endif
