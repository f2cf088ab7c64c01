#ifndef ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_
#define ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_

#include <string>

#include <windows.h>

#include <aclapi.h>

#include "../status.h"

namespace entropynet {

/*
 * A security descriptor that names this user as the owner, gives this user every right and nobody else any.
 * The owner is named because the system would name the group of administrators for an elevated process.
 */
class PrivateSecurity {
 public:
  enum class For { kObject, kDirectory };

  PrivateSecurity() = default;
  PrivateSecurity(const PrivateSecurity&) = delete;
  PrivateSecurity& operator=(const PrivateSecurity&) = delete;
  ~PrivateSecurity();

  // `kDirectory`: what is made in it later has the same rights.
  Status Make(For kind);

  // For a call that makes an object; not inherited by child processes.
  SECURITY_ATTRIBUTES* Attributes() { return &attributes_; }

 private:
  SECURITY_ATTRIBUTES attributes_{sizeof(SECURITY_ATTRIBUTES), nullptr, FALSE};
};

// To whom an object belongs and who else may change it, as security identifiers ("S-1-5-...").
struct ObjectAccess {
  std::string owner;
  // Whether this user is the owner.
  bool is_own = false;
  // Whether the owner is this user, or an administrator or the system, who may take everything anyway.
  bool is_own_or_administered = false;
  // Somebody else who may change it; empty where nobody may. Administrators and the system don't count.
  std::string writer;
};

// Reads that from `object`, opened with READ_CONTROL. `type`: SE_FILE_OBJECT or SE_KERNEL_OBJECT.
Status ReadObjectAccess(HANDLE object, SE_OBJECT_TYPE type, ObjectAccess* access);

// The same for a file or directory; a link in the last place of `path` is not followed.
Status ReadFileAccess(const std::string& path, ObjectAccess* access);

// Makes a directory that is this user's alone, and so is what is made in it.
Status MakePrivateDirectory(const std::string& path);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_
