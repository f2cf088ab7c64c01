#include "../file_name.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace entropynet {

// statx, because an addon that calls lstat loads only on glibc 2.33 and newer. musl has no statx before
// 1.2.5.
Status IdentifyFile(const std::string& path, FileIdentity* identity) {
#ifdef __GLIBC__
  struct statx information;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO, &information) != 0)
    return {errno, "statx"};
  identity->device =
      static_cast<std::uint64_t>(::makedev(information.stx_dev_major, information.stx_dev_minor));
  identity->number = information.stx_ino;
#else
  struct stat information;
  if (::lstat(path.c_str(), &information) != 0) return {errno, "lstat"};
  identity->device = static_cast<std::uint64_t>(information.st_dev);
  identity->number = static_cast<std::uint64_t>(information.st_ino);
#endif
  return {};
}

}  // namespace entropynet
