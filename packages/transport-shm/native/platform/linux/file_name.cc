#include "../file_name.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace entropynet {

// statx, because an addon that calls lstat loads on glibc 2.33 and newer only.
Status IdentifyFile(const std::string& path, FileIdentity* identity) {
  struct statx information;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO, &information) != 0)
    return {errno, "statx"};
  identity->device =
      static_cast<std::uint64_t>(::makedev(information.stx_dev_major, information.stx_dev_minor));
  identity->number = information.stx_ino;
  return {};
}

}  // namespace entropynet
