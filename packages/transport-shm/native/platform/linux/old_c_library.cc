// What lets an addon that was built on a new system load on an old one.

#include <cstdlib>

namespace std {
// Containers of GCC 11 and newer call this where a length overflows; the C++ library of GCC 5 has no such
// function. Without exceptions there is nothing to throw, so it ends the process as the library's own would.
__attribute__((visibility("hidden"), noreturn)) void __throw_bad_array_new_length();
void __throw_bad_array_new_length() { abort(); }
}  // namespace std

extern "C" {
// libstdc++ asks the C library whether there is one thread only, and glibc before 2.32 has no answer. Ours is
// "no": the counts of shared pointers are always changed atomically.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
