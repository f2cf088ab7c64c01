/* A check that ends the program and prints the place and the expected value. */
#ifndef ENTROPYNET_CHECK_H
#define ENTROPYNET_CHECK_H

#include <entropynet.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                  \
  do {                                                                                                    \
    if (!(condition)) {                                                                                   \
      (void)fprintf(stderr, "%s:%d: not true: %s (last error: %s: %s)\n", __FILE__, __LINE__, #condition, \
                    en_status_name(en_last_error()->status), en_last_error()->message);                   \
      exit(1);                                                                                            \
    }                                                                                                     \
  } while (0)

/* Checks that a failed call left the same status and a sentence. Returns the status. */
static inline en_status check_status(en_status status) {
  if (status) {
    CHECK(en_last_error()->status == status);
    CHECK(en_last_error()->message[0] != '\0');
  }
  return status;
}

#define IS(expected, call) CHECK(check_status(call) == (expected))

#endif
