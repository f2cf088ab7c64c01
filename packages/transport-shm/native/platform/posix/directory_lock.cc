#include "../directory_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

namespace entropynet {

namespace {

// Opens `path` and takes the lock of its file, without waiting. `kind`: LOCK_EX or LOCK_SH.
Status Lock(const std::string& path, int flags, int kind, OwnedDescriptor* lock) {
  int opened;
  do {
    opened = ::open(path.c_str(), flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  } while (opened < 0 && errno == EINTR);
  if (opened < 0) return {errno, "open"};
  OwnedDescriptor locking(opened);
  int locked;
  do {
    locked = ::flock(opened, kind | LOCK_NB);
  } while (locked != 0 && errno == EINTR);
  if (locked != 0) return {errno == EWOULDBLOCK ? kErrorWouldBlock : errno, "flock"};
  *lock = std::move(locking);
  return {};
}

}  // namespace

Status LockDirectory(const std::string& path, OwnedDescriptor* lock) {
  return Lock(path, O_DIRECTORY, LOCK_EX, lock);
}

// Without O_NONBLOCK, opening a pipe at the file's path would wait for a writer.
Status LockFile(const std::string& path, OwnedDescriptor* lock) {
  return Lock(path, O_NONBLOCK, LOCK_EX, lock);
}

Status IsFileLocked(const std::string& path, bool* is_locked) {
  OwnedDescriptor lock;
  const Status status = Lock(path, O_NONBLOCK, LOCK_SH, &lock);
  *is_locked = status.error == kErrorWouldBlock;
  return *is_locked ? Status{} : status;
}

}  // namespace entropynet
