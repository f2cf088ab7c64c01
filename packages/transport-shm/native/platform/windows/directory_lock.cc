#include "../directory_lock.h"

#include <utility>

#include "win32.h"

namespace entropynet {

Status LockDirectory(const std::string& path, OwnedDescriptor* lock) {
  // Shared with nobody: the open handle itself is the lock. Asks for a right that share modes govern.
  const HANDLE opened = ::CreateFileW(Widen(path).c_str(), GENERIC_READ | DELETE, 0, nullptr, OPEN_EXISTING,
                                      FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  if (opened == INVALID_HANDLE_VALUE) {
    if (::GetLastError() == ERROR_SHARING_VIOLATION) return {kErrorWouldBlock, "CreateFile"};
    return LastError("CreateFile");
  }
  OwnedDescriptor directory(ToDescriptor(opened));
  BY_HANDLE_FILE_INFORMATION information;
  if (!::GetFileInformationByHandle(opened, &information)) return LastError("GetFileInformationByHandle");
  constexpr DWORD kind = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if ((information.dwFileAttributes & kind) != FILE_ATTRIBUTE_DIRECTORY)
    return {ERROR_DIRECTORY, "CreateFile"};
  *lock = std::move(directory);
  return {};
}

}  // namespace entropynet
