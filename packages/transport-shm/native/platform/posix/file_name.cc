#include "../file_name.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace entropynet {

Status IdentifyFile(const std::string& path, FileIdentity* identity) {
  struct stat information;
  if (::lstat(path.c_str(), &information) != 0) return {errno, "lstat"};
  identity->device = static_cast<std::uint64_t>(information.st_dev);
  identity->number = static_cast<std::uint64_t>(information.st_ino);
  return {};
}

void RemoveFileIfSame(const std::string& path, const FileIdentity& identity) {
  FileIdentity current;
  if (!IdentifyFile(path, &current).Ok()) return;
  if (current.device != identity.device || current.number != identity.number) return;
  // Which of the two it is, the system knows best: each refuses the other's kind.
  if (::unlink(path.c_str()) != 0) static_cast<void>(::rmdir(path.c_str()));
}

}  // namespace entropynet
