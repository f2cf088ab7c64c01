#ifndef ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_
#define ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_

#include <string>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * Takes the exclusive lock of the existing directory `path` without waiting. The lock lasts as long as
 * `lock` and is not inherited by programs that this process starts. kErrorWouldBlock: somebody holds it.
 * A symbolic link in the last place of `path` is refused.
 */
Status LockDirectory(const std::string& path, OwnedDescriptor* lock);

/*
 * The same for the existing file `path`. A server holds this lock for as long as it lives: the system
 * gives it back when the process ends, however it ends.
 */
Status LockFile(const std::string& path, OwnedDescriptor* lock);

// Whether somebody holds the lock of the existing file `path`. Those who ask never see each other.
Status IsFileLocked(const std::string& path, bool* is_locked);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_
