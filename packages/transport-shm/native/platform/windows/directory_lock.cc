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

namespace {

// `flags`: LOCKFILE_EXCLUSIVE_LOCK, or 0 for a shared one.
Status LockOpened(const std::string& path, DWORD flags, OwnedDescriptor* lock) {
  constexpr DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE opened = ::CreateFileW(Widen(path).c_str(), GENERIC_READ, share, nullptr, OPEN_EXISTING,
                                      FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  if (opened == INVALID_HANDLE_VALUE) return LastError("CreateFile");
  OwnedDescriptor file(ToDescriptor(opened));
  // One byte far behind the file's end: a lock of its content would keep readers out.
  OVERLAPPED range{};
  range.OffsetHigh = 1;
  if (!::LockFileEx(opened, flags | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range)) {
    if (::GetLastError() == ERROR_LOCK_VIOLATION) return {kErrorWouldBlock, "LockFileEx"};
    return LastError("LockFileEx");
  }
  *lock = std::move(file);
  return {};
}

}  // namespace

Status LockFile(const std::string& path, OwnedDescriptor* lock) {
  return LockOpened(path, LOCKFILE_EXCLUSIVE_LOCK, lock);
}

Status IsFileLocked(const std::string& path, bool* is_locked) {
  OwnedDescriptor lock;
  const Status status = LockOpened(path, 0, &lock);
  *is_locked = status.error == kErrorWouldBlock;
  return *is_locked ? Status{} : status;
}

}  // namespace entropynet
