/* Each shared word is read once and checked, because the peer is not trusted. */
#include "ring.h"

#include <string.h>

#define PADDING 0xffffffffu

static uint32_t whole(uint32_t length) { return (length + 8 + 7) & ~7u; }

static uint32_t take_word(const uint8_t *at) {
  return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)at, memory_order_relaxed);
}

static void put_word(uint8_t *at, uint32_t value) {
  atomic_store_explicit((_Atomic uint32_t *)(void *)at, value, memory_order_relaxed);
}

uint32_t en_ring_longest(uint32_t capacity) { return (capacity / 4 & ~7u) - 8; }

bool en_ring_look_at_head(en_ring *ring) {
  uint32_t head = atomic_load(ring->head);
  if (head % 8 != 0 || ring->position - head > ring->position - ring->other) return false;
  ring->other = head;
  return true;
}

bool en_ring_look_at_tail(en_ring *ring) {
  /* In one order with the declaration of a side that is about to sleep. */
  uint32_t tail = atomic_load(ring->tail);
  uint32_t ahead = tail - ring->position;
  if (tail % 8 != 0 || ahead > ring->capacity || ahead < ring->other - ring->position) return false;
  ring->other = tail;
  return true;
}

uint8_t *en_ring_reserve(en_ring *ring, uint32_t length, uint32_t *skip, bool *corrupt) {
  uint32_t need = whole(length), rest = ring->capacity - ring->offset;
  *skip = need > rest ? rest : 0;
  need += *skip;
  if (ring->capacity - (ring->position - ring->other) < need) {
    if (!en_ring_look_at_head(ring)) {
      *corrupt = true;
      return NULL;
    }
    if (ring->capacity - (ring->position - ring->other) < need) return NULL;
  }
  return ring->bytes + (*skip ? 0 : ring->offset) + 8;
}

void en_ring_publish(en_ring *ring, uint32_t length, uint32_t header, uint32_t skip) {
  uint32_t need = whole(length);
  if (skip) {
    put_word(ring->bytes + ring->offset, PADDING);
    ring->offset = 0;
  }
  put_word(ring->bytes + ring->offset, length);
  put_word(ring->bytes + ring->offset + 4, header);
  ring->offset += need;
  if (ring->offset == ring->capacity) ring->offset = 0;
  ring->position += need + skip;
  /* Sequentially consistent, because the load of the consumer's declaration, which follows, must not move
   * before it. */
  atomic_store(ring->tail, ring->position);
}

int en_ring_next(en_ring *ring, en_frame *frame) {
  for (;;) {
    uint32_t unread = ring->other - ring->position;
    if (unread == 0) return EN_RING_NONE;
    uint32_t rest = ring->capacity - ring->offset;
    uint32_t length = take_word(ring->bytes + ring->offset);
    if (length == PADDING) {
      if (rest > unread) return EN_RING_CORRUPT;
      ring->position += rest;
      ring->offset = 0;
      continue;
    }
    if (length > ring->capacity - 8 || whole(length) > unread || whole(length) > rest) return EN_RING_CORRUPT;
    frame->header = take_word(ring->bytes + ring->offset + 4);
    frame->payload = ring->bytes + ring->offset + 8;
    frame->length = length;
    return EN_RING_FRAME;
  }
}

void en_ring_skip(en_ring *ring, uint32_t length) {
  ring->position += whole(length);
  ring->offset += whole(length);
  if (ring->offset == ring->capacity) ring->offset = 0;
}
