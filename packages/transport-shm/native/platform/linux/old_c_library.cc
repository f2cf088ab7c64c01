// What lets an addon that was built on a new system load on an old one.

extern "C" {
// libstdc++ asks the C library whether there is one thread only, and glibc before 2.32 has no answer. Ours is
// "no": the counts of shared pointers are always changed atomically.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
