/* The files of the discovery directory: rights, locks and names. Sections 1 and 9 of the protocol. */
#include <string.h>

#include "../error.h"
#include "win32.h"

#define RETRY_MS 2
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static bool is_missing(DWORD error) { return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND; }

/* Makes a directory and those above it, each for this user alone. */
static bool make(const char *path) {
  wchar_t part[EN_WIDE];
  en_widen(path, part);
  size_t length = wcslen(part);
  SECURITY_ATTRIBUTES *rights = en_rights_make(EN_FOR_DIRECTORY);
  bool made = rights != NULL;
  for (size_t i = 3; made && i <= length; i++) { /* after the drive */
    if (part[i] != L'\\' && part[i] != L'\0') continue;
    wchar_t cut = part[i];
    part[i] = L'\0';
    made = CreateDirectoryW(part, rights) || GetLastError() == ERROR_ALREADY_EXISTS ||
           GetFileAttributesW(part) != INVALID_FILE_ATTRIBUTES;
    part[i] = cut;
  }
  en_rights_free(rights);
  return made;
}

static HANDLE open_any(const char *path, DWORD access) {
  wchar_t wide[EN_WIDE];
  en_widen(path, wide);
  return CreateFileW(wide, access, SHARE_ALL, NULL, OPEN_EXISTING,
                     FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

en_status en_directory_check(const en_place *place, bool make_it) {
  BY_HANDLE_FILE_INFORMATION found;
  HANDLE directory = open_any(place->directory, READ_CONTROL | FILE_READ_ATTRIBUTES);
  if (directory == INVALID_HANDLE_VALUE && is_missing(GetLastError()) && make_it) {
    if (!make(place->directory)) {
      return en_fail(EN_SHARED_MEMORY_PERMISSION, "The discovery directory %s can't be made: error %lu.",
                     place->directory, GetLastError());
    }
    directory = open_any(place->directory, READ_CONTROL | FILE_READ_ATTRIBUTES);
  }
  if (directory == INVALID_HANDLE_VALUE) {
    DWORD error = GetLastError();
    return en_fail(is_missing(error) ? EN_TRANSPORT_UNAVAILABLE : EN_SHARED_MEMORY_PERMISSION,
                   "The discovery directory %s can't be opened: error %lu.", place->directory, error);
  }
  const DWORD kind = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  bool is_safe = GetFileInformationByHandle(directory, &found) &&
                 (found.dwFileAttributes & kind) == FILE_ATTRIBUTE_DIRECTORY && en_is_private_file(directory);
  (void)CloseHandle(directory);
  if (is_safe) return EN_OK;
  return en_fail(EN_SHARED_MEMORY_PERMISSION,
                 "The discovery directory %s must belong to this user, and nobody else may write to it.",
                 place->directory);
}

/* A lock of the directory itself would keep other processes from its files, so a file in it stands for it.
 * The file stays. */
en_status en_directory_lock(const en_place *place, int64_t deadline, HANDLE *lock) {
  wchar_t wide[EN_WIDE];
  en_widen(place->lock, wide);
  for (;;) {
    en_status status = en_directory_check(place, true);
    if (status) return status;
    HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS,
                              FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    DWORD error = GetLastError();
    if (file != INVALID_HANDLE_VALUE) {
      if (en_file_lock(file, true)) {
        *lock = file;
        return EN_OK;
      }
      error = GetLastError();
      (void)CloseHandle(file);
    }
    /* A program that scans each new file has it open for a moment. */
    if (error != ERROR_SHARING_VIOLATION && !en_is_locked_error(error)) {
      return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The directory %s can't be locked: error %lu.",
                     place->directory, error);
    }
    if (en_left_ms(deadline) == 0) {
      return en_fail(EN_TIMEOUT, "Another server holds the lock of the directory %s.", place->directory);
    }
    en_pause_ms(RETRY_MS);
  }
}

HANDLE en_file_open(const char *path, DWORD access) {
  wchar_t wide[EN_WIDE];
  en_widen(path, wide);
  return CreateFileW(wide, access, SHARE_ALL, NULL, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

bool en_file_lock(HANDLE file, bool exclusive) {
  /* One byte far beyond the end, because a lock of the contents would keep readers out. */
  OVERLAPPED range = {.OffsetHigh = 1};
  DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0);
  return LockFileEx(file, flags, 0, 1, 0, &range) != FALSE;
}

bool en_is_locked_error(DWORD error) { return error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING; }

bool en_file_identify(HANDLE file, en_file *identity) {
  BY_HANDLE_FILE_INFORMATION found;
  if (!GetFileInformationByHandle(file, &found)) return false;
  *identity =
      (en_file){found.dwVolumeSerialNumber, (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow};
  return true;
}

/* Opens the name at `path` if it still stands for the file; otherwise INVALID_HANDLE_VALUE. */
static HANDLE open_if_same(const char *path, const en_file *identity, DWORD access) {
  en_file found;
  HANDLE file = open_any(path, access);
  if (file == INVALID_HANDLE_VALUE) return file;
  if (en_file_identify(file, &found) && found.volume == identity->volume && found.number == identity->number)
    return file;
  (void)CloseHandle(file);
  return INVALID_HANDLE_VALUE;
}

bool en_file_stands(const char *path, const en_file *identity) {
  HANDLE file = open_if_same(path, identity, FILE_READ_ATTRIBUTES);
  en_close_handle(file);
  return file != INVALID_HANDLE_VALUE;
}

void en_file_remove(const char *path, const en_file *identity) {
  /* By its handle, so that exactly this file is removed. */
  FILE_DISPOSITION_INFO disposition = {TRUE};
  HANDLE file = open_if_same(path, identity, FILE_READ_ATTRIBUTES | DELETE);
  if (file == INVALID_HANDLE_VALUE) return;
  (void)SetFileInformationByHandle(file, FileDispositionInfo, &disposition, sizeof disposition);
  (void)CloseHandle(file);
}
