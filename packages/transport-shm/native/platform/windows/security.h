#ifndef ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_
#define ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_

#include <string>

#include <windows.h>

#include <aclapi.h>

#include "../status.h"

namespace entropynet {

/*
 * A security descriptor that names this user as the owner, gives this user all rights, and other users none.
 * It names the owner, because for an elevated process the system would name the group of administrators.
 */
class PrivateSecurity {
 public:
  enum class For { kObject, kDirectory };

  PrivateSecurity() = default;
  PrivateSecurity(const PrivateSecurity&) = delete;
  PrivateSecurity& operator=(const PrivateSecurity&) = delete;
  ~PrivateSecurity();

  // `kDirectory`: later objects in it have the same rights.
  Status Make(For kind);

  // For a call that makes an object. Child processes do not inherit the object.
  SECURITY_ATTRIBUTES* Attributes() { return &attributes_; }

 private:
  SECURITY_ATTRIBUTES attributes_{sizeof(SECURITY_ATTRIBUTES), nullptr, FALSE};
};

// The owner of an object and the accounts that may change it, as security identifiers ("S-1-5-...").
struct ObjectAccess {
  std::string owner;
  // Whether this user is the owner.
  bool is_own = false;
  // Whether the owner is this user, an administrator or the system. The last two can take any object anyway.
  bool is_own_or_administered = false;
  // Another account that may change it; empty if there is none. Administrators and the system don't count.
  std::string writer;
};

// Reads the access of `object`, opened with READ_CONTROL. `type`: SE_FILE_OBJECT or SE_KERNEL_OBJECT.
Status ReadObjectAccess(HANDLE object, SE_OBJECT_TYPE type, ObjectAccess* access);

// The same for a file or directory. It does not follow a link in the last place of `path`.
Status ReadFileAccess(const std::string& path, ObjectAccess* access);

// Makes a directory to which only this user has access. The objects in it inherit that.
Status MakePrivateDirectory(const std::string& path);

}  // namespace entropynet

#endif  // ENTROPYNET_PLATFORM_WINDOWS_SECURITY_H_
