/** What the peer sleeps on: its standard input, and descriptors of the library. */
#ifndef ENTROPYNET_CONFORMANCE_LOOP_H
#define ENTROPYNET_CONFORMANCE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The largest number of descriptors in one sleep. Windows has no room for more beside the input. */
#define MOST_WATCHED 60

/** Prepares both standard streams. Call it once, first. */
void loop_open(void);
/** Sleeps until a descriptor or the input is readable, at most `ms`. Returns whether the input is. */
bool loop_sleep(const int *watched, size_t count, int ms);
/** Reads what has come on the input. 0: nothing more will come. */
size_t loop_read(char *bytes, size_t room);

/** Milliseconds of a clock that only goes on. */
int64_t now_ms(void);

#endif
