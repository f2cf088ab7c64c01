/* A peer that breaks the protocol ends its own connection with the right code, and nothing else happens. */
#include "hostile.h"

int main(void) {
  size_t count = frames();
  sequences();
  words();
  descriptors();
  a_queue_without_descriptors();
#ifdef __GLIBC__
  a_refused_thread();
#endif
  a_forked_process();
  dropped_clients();
  flood();
  (void)printf("%zu frames, sequences, words and descriptors were refused\n", count);
  return 0;
}
