#include "../mapping.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace entropynet {
namespace {

constexpr int kNameAttempts = 16;

// Both kinds of Mac. A program for one kind that runs on the other sees pages of its own kind, and objects
// whose sizes are rounded to those of the machine. Its peer may be a program of either kind.
constexpr std::uint64_t kPageSizes[] = {4096, 16384};

// Returns whether an object of `actual` bytes was made for `byte_length`.
bool IsRoundedUp(std::uint64_t actual, std::uint64_t byte_length) {
  for (const std::uint64_t page : kPageSizes) {
    if (actual == (byte_length + page - 1) / page * page) return true;
  }
  return false;
}

}  // namespace

Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created) {
  for (int attempt = 0; attempt < kNameAttempts; attempt++) {
    // Names have at most 31 characters here. This one exists for two calls, and no other process learns it.
    char name[32];
    std::snprintf(name, sizeof name, "/en-%08x%08x", ::arc4random(), ::arc4random());
    const int descriptor = ::shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0) return {errno, "shm_open"};
    ::shm_unlink(name);
    OwnedDescriptor memory(descriptor);
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return {errno, "fcntl"};
    int resized;
    do {
      resized = ::ftruncate(descriptor, static_cast<off_t>(byte_length));
    } while (resized != 0 && errno == EINTR);
    if (resized != 0) return {errno, "ftruncate"};
    *created = std::move(memory);
    return {};
  }
  return {EEXIST, "shm_open"};
}

// An object gets its memory at the first access, and no call does that earlier.
Status Preallocate(Descriptor, std::size_t) { return {}; }

bool IsMemory(Descriptor descriptor) {
  struct stat information;
  return ::fstat(descriptor, &information) == 0 && (information.st_mode & S_IFMT) == 0;
}

Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length) {
  struct stat information;
  if (::fstat(descriptor, &information) != 0) return {errno, "fstat"};
  // macOS has no seals, but a shared-memory object gets its size only once: a second ftruncate is refused.
  // The mode of such an object has no file type. A regular file has one, and could shrink.
  if ((information.st_mode & S_IFMT) != 0) return {kErrorUnsealed, "fstat"};
  *actual_length = static_cast<std::uint64_t>(information.st_size);
  // The system reports the size in whole pages.
  if (IsRoundedUp(*actual_length, byte_length)) *actual_length = byte_length;
  if (*actual_length != byte_length) return {kErrorSizeMismatch, "fstat"};
  return {};
}

}  // namespace entropynet
