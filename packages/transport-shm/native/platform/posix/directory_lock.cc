#include "../directory_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

namespace entropynet {

Status LockDirectory(const std::string& path, OwnedDescriptor* lock) {
  int opened;
  do {
    opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  } while (opened < 0 && errno == EINTR);
  if (opened < 0) return {errno, "open"};
  OwnedDescriptor directory(opened);
  int locked;
  do {
    locked = ::flock(opened, LOCK_EX | LOCK_NB);
  } while (locked != 0 && errno == EINTR);
  if (locked != 0) return {errno == EWOULDBLOCK ? kErrorWouldBlock : errno, "flock"};
  *lock = std::move(directory);
  return {};
}

}  // namespace entropynet
