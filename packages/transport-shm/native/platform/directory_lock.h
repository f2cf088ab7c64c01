#ifndef ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_
#define ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_

#include <string>

#include "descriptor.h"
#include "status.h"

namespace entropynet {

/*
 * Takes the exclusive lock of the existing directory `path` without waiting. The lock lasts as long as
 * `lock`. Programs that this process starts do not inherit it. kErrorWouldBlock: another process holds it. A
 * symbolic link in the last place of `path` is refused.
 */
Status LockDirectory(const std::string& path, OwnedDescriptor* lock);

/*
 * The same for the existing file `path`. A server holds this lock as long as it lives. The system releases it
 * at every end of the process.
 */
Status LockFile(const std::string& path, OwnedDescriptor* lock);

// Returns whether a process holds the lock of the existing file `path`. Processes that ask do not see each
// other.
Status IsFileLocked(const std::string& path, bool* is_locked);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_DIRECTORY_LOCK_H_
