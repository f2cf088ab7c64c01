#ifndef ENTROPYNET_TESTS_CHECK_H_
#define ENTROPYNET_TESTS_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Ends the program and prints the place, unless `condition` holds, also in builds without assertions.
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // ENTROPYNET_TESTS_CHECK_H_
