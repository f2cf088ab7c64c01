#include "../file_name.h"

#include <cerrno>

#include <sys/stat.h>

namespace entropynet {

Status IdentifyFile(const std::string& path, FileIdentity* identity) {
  struct stat information;
  if (::lstat(path.c_str(), &information) != 0) return {errno, "lstat"};
  identity->device = static_cast<std::uint64_t>(information.st_dev);
  identity->number = static_cast<std::uint64_t>(information.st_ino);
  return {};
}

}  // namespace entropynet
