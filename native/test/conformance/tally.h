/** Messages that both sides of a test can make, and a tally of those that arrived. The suite in
 * packages/conformance/src/support/messages.ts makes the same. */
#ifndef ENTROPYNET_CONFORMANCE_TALLY_H
#define ENTROPYNET_CONFORMANCE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "words.h"

/** The largest number of labels. */
#define MOST_LABELS 20000u
/** Room for a label: a length, a colon and a checksum. */
#define LABEL_BYTES 24

/** Writes the message for `seed`. */
void fill_message(uint8_t *bytes, size_t length, uint32_t seed);

/** The messages that arrived on a channel, in order. The digest depends on every byte, on boundaries and
 * on order. */
typedef struct {
  uint64_t count, bytes;
  uint32_t digest;
  json labels;
} tally;

/** Adds a message and writes its label: its length and its checksum as text. */
void tally_add(tally *t, const uint8_t *bytes, size_t length, char label[LABEL_BYTES]);

#endif
