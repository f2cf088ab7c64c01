#include "../mapping.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace entropynet {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// MFD_NOEXEC_SEAL, which the headers of the oldest build system lack.
constexpr unsigned int kNoExecSeal = 0x0008U;

struct FileStatus {
  bool is_regular = false;
  std::uint64_t byte_length = 0;
};

// statx, because an addon that calls fstat loads only on glibc 2.33 and newer. musl has no statx before
// 1.2.5.
Status ReadStatus(Descriptor descriptor, FileStatus* read) {
#ifdef __GLIBC__
  struct statx information;
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE, &information) != 0)
    return {errno, "statx"};
  read->is_regular = S_ISREG(information.stx_mode);
  read->byte_length = information.stx_size;
#else
  struct stat information;
  if (::fstat(descriptor, &information) != 0) return {errno, "fstat"};
  read->is_regular = S_ISREG(information.st_mode);
  read->byte_length = static_cast<std::uint64_t>(information.st_size);
#endif
  return {};
}

}  // namespace

Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created) {
  constexpr unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  // Systems with vm.memfd_noexec=2 require the additional flag. Kernels before 6.3 do not know it.
  int descriptor = ::memfd_create("entropynet", flags | kNoExecSeal);
  if (descriptor < 0 && errno == EINVAL) descriptor = ::memfd_create("entropynet", flags);
  if (descriptor < 0) return {errno, "memfd_create"};
  OwnedDescriptor memory(descriptor);
  int resized;
  do {
    resized = ::ftruncate(descriptor, static_cast<off_t>(byte_length));
  } while (resized != 0 && errno == EINTR);
  if (resized != 0) return {errno, "ftruncate"};
  if (::fcntl(descriptor, F_ADD_SEALS, kSizeSeals) != 0) return {errno, "fcntl"};
  *created = std::move(memory);
  return {};
}

Status Preallocate(Descriptor descriptor, std::size_t byte_length) {
  int allocated;
  do {
    allocated = ::fallocate(descriptor, 0, 0, static_cast<off_t>(byte_length));
  } while (allocated != 0 && errno == EINTR);
  if (allocated != 0) return {errno, "fallocate"};
  return {};
}

// Only memory files have seals, and the kernel answers that without asking a file system.
bool IsMemory(Descriptor descriptor) { return ::fcntl(descriptor, F_GET_SEALS) >= 0; }

Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length) {
  // The seals come first, because with a descriptor of a file system in user space statx can wait without
  // end.
  const int seals = ::fcntl(descriptor, F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals) return {kErrorUnsealed, "fcntl"};
  // Files of huge pages have seals, too, but after a hole was punched into them an access may fail with
  // SIGBUS.
  struct statfs file_system;
  if (::fstatfs(descriptor, &file_system) != 0) return {errno, "fstatfs"};
  if (file_system.f_type != TMPFS_MAGIC) return {kErrorUnsealed, "fstatfs"};
  // Only now is the size useful, because it can no longer change.
  FileStatus file;
  if (const Status status = ReadStatus(descriptor, &file); !status.Ok()) return status;
  if (!file.is_regular) return {kErrorUnsealed, "statx"};
  *actual_length = file.byte_length;
  if (*actual_length != byte_length) return {kErrorSizeMismatch, "statx"};
  return {};
}

}  // namespace entropynet
