#ifndef ENTROPYNET_PLATFORM_FILE_NAME_H_
#define ENTROPYNET_PLATFORM_FILE_NAME_H_

#include <cstdint>
#include <string>

#include "status.h"

namespace entropynet {

// What a name stands for, so that a successor under the same name can be distinguished.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
};

// Reads the identity behind `path`, not following a symbolic link in its last place.
Status IdentifyFile(const std::string& path, FileIdentity* identity);

/*
 * Removes the name `path` (also of an empty directory) if it still stands for `identity`. Failures are
 * not reported: this runs when nobody is left to hear of them.
 */
void RemoveFileIfSame(const std::string& path, const FileIdentity& identity);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_FILE_NAME_H_
