#include "../file_name.h"

#include <unistd.h>

namespace entropynet {

void RemoveFileIfSame(const std::string& path, const FileIdentity& identity) {
  FileIdentity current;
  if (!IdentifyFile(path, &current).Ok()) return;
  if (current.device != identity.device || current.number != identity.number) return;
  // Both calls are tried, because each one refuses the other kind.
  if (::unlink(path.c_str()) != 0) static_cast<void>(::rmdir(path.c_str()));
}

}  // namespace entropynet
