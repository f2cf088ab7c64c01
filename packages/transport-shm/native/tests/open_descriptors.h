#ifndef ENTROPYNET_TESTS_OPEN_DESCRIPTORS_H_
#define ENTROPYNET_TESTS_OPEN_DESCRIPTORS_H_

#include <string>

#include <dirent.h>
#include <stdlib.h>

#include "check.h"

namespace entropynet {

// Makes an empty folder. The caller removes it.
inline std::string MakeFolder() {
  char folder[] = "/tmp/entropynet-native-XXXXXX";
  CHECK(::mkdtemp(folder) != nullptr);
  return folder;
}

// Returns the number of open descriptors, with the one of the listing itself.
inline int OpenDescriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  CHECK(directory != nullptr);
  int count = 0;
  while (::readdir(directory) != nullptr) count++;
  ::closedir(directory);
  return count;
}

}  // namespace entropynet

#endif  // ENTROPYNET_TESTS_OPEN_DESCRIPTORS_H_
