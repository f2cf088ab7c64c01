#include "../file_name.h"

#include <unistd.h>

namespace entropynet {

void RemoveFileIfSame(const std::string& path, const FileIdentity& identity) {
  FileIdentity current;
  if (!IdentifyFile(path, &current).Ok()) return;
  if (current.device != identity.device || current.number != identity.number) return;
  // Which of the two it is, the system knows best: each refuses the other's kind.
  if (::unlink(path.c_str()) != 0) static_cast<void>(::rmdir(path.c_str()));
}

}  // namespace entropynet
