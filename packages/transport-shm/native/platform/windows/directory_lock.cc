#include "../directory_lock.h"

#include <utility>

#include "win32.h"

namespace entropynet {
namespace {

// Takes the lock of an open file without waiting. `flags`: LOCKFILE_EXCLUSIVE_LOCK, or 0 for a shared one.
Status LockOpened(OwnedDescriptor file, DWORD flags, OwnedDescriptor* lock) {
  // One byte far beyond the file's end, because a lock of its contents would block readers.
  OVERLAPPED range{};
  range.OffsetHigh = 1;
  if (!::LockFileEx(ToHandle(file.Get()), flags | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range)) {
    const DWORD error = ::GetLastError();
    if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return {kErrorWouldBlock, "LockFileEx"};
    return {static_cast<int>(error), "LockFileEx"};
  }
  *lock = std::move(file);
  return {};
}

Status LockExisting(const std::string& path, DWORD flags, OwnedDescriptor* lock) {
  constexpr DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  OwnedDescriptor file = OwnHandle(::CreateFileW(Widen(path).c_str(), GENERIC_READ, share, nullptr,
                                                 OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file.IsOpen()) return LastError("CreateFile");
  return LockOpened(std::move(file), flags, lock);
}

}  // namespace

/*
 * On Windows a lock of a directory would block other processes from its files. So a file in it,
 * "directory.lock", takes its place and stays. No process can remove it while another has it open, so all
 * processes wait for the same file.
 */
Status LockDirectory(const std::string& path, OwnedDescriptor* lock) {
  const DWORD attributes = ::GetFileAttributesW(Widen(path).c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES) return LastError("GetFileAttributes");
  constexpr DWORD kind = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if ((attributes & kind) != FILE_ATTRIBUTE_DIRECTORY) return {ERROR_DIRECTORY, "GetFileAttributes"};
  OwnedDescriptor file = OwnHandle(::CreateFileW(Widen(path + "\\directory.lock").c_str(), GENERIC_READ,
                                                 FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_ALWAYS,
                                                 FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file.IsOpen()) {
    // A program that scans every new file has it open for a moment.
    if (::GetLastError() == ERROR_SHARING_VIOLATION) return {kErrorWouldBlock, "CreateFile"};
    return LastError("CreateFile");
  }
  return LockOpened(std::move(file), LOCKFILE_EXCLUSIVE_LOCK, lock);
}

Status LockFile(const std::string& path, OwnedDescriptor* lock) {
  return LockExisting(path, LOCKFILE_EXCLUSIVE_LOCK, lock);
}

Status IsFileLocked(const std::string& path, bool* is_locked) {
  OwnedDescriptor lock;
  const Status status = LockExisting(path, 0, &lock);
  *is_locked = status.error == kErrorWouldBlock;
  return *is_locked ? Status{} : status;
}

}  // namespace entropynet
