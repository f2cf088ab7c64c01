#ifndef ENTROPYNET_PLATFORM_FILE_NAME_H_
#define ENTROPYNET_PLATFORM_FILE_NAME_H_

#include <cstdint>
#include <string>

#include "status.h"

namespace entropynet {

// The file behind a name, to distinguish it from a later file of the same name.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
};

// Reads the identity of the file at `path`. It does not follow a symbolic link in the last place.
Status IdentifyFile(const std::string& path, FileIdentity* identity);

/*
 * Removes the name `path` (also of an empty directory) if its file still has `identity`. It reports no
 * failure, because it runs when no caller is left.
 */
void RemoveFileIfSame(const std::string& path, const FileIdentity& identity);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_FILE_NAME_H_
