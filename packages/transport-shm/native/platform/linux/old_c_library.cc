// Lets an addon that was built on a new system load on an old one.

#include <cstdlib>

namespace std {
// Containers of GCC 11 and newer call this if a length overflows. The C++ library of GCC 5 lacks it. There
// are no exceptions to throw, so it ends the process, as the library's own would.
__attribute__((visibility("hidden"), noreturn)) void __throw_bad_array_new_length();
void __throw_bad_array_new_length() { abort(); }
}  // namespace std

extern "C" {
// libstdc++ asks the C library if the process has only one thread, and glibc before 2.32 has no answer. This
// answer is "no", so the counts of shared pointers always change atomically.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
