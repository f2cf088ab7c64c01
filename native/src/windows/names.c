/* Taking, renewing and giving back a name. Sections 1 and 9 of the protocol. */
#include "names.h"

#include <string.h>

#include "../discovery.h"
#include "../error.h"

static en_status cannot_make(const char *path) {
  DWORD error = GetLastError();
  return en_fail(error == ERROR_ACCESS_DENIED ? EN_SHARED_MEMORY_PERMISSION : EN_RESOURCE_LIMIT_EXCEEDED,
                 "%s can't be made: error %lu.", path, error);
}

/* Returns EN_OK if no server lives. Only the lock proves life, because a pipe lasts as long as any connection
 * of it. */
static en_status ask(const en_place *place) {
  HANDLE file = en_file_open(place->region, GENERIC_READ);
  DWORD error = GetLastError();
  if (file == INVALID_HANDLE_VALUE && error == ERROR_FILE_NOT_FOUND) return EN_OK;
  if (file != INVALID_HANDLE_VALUE) {
    bool is_free = en_file_lock(file, false);
    error = GetLastError();
    (void)CloseHandle(file);
    if (is_free) return EN_OK;
    if (en_is_locked_error(error)) {
      return en_fail(EN_ADDRESS_IN_USE, "A living server has the endpoint '%.100s' in %s.", place->name,
                     place->directory);
    }
  }
  return en_fail(EN_RESOURCE_LIMIT_EXCEEDED,
                 "The system does not say whether a server has the endpoint '%.100s': %s: error %lu.",
                 place->name, place->region, error);
}

/* Asks in each slot, because this server shares its name with none. Removes the files of dead servers from
 * the other slots, so that no client asks there; a file that stays costs such a client one call. */
static en_status ask_all(const en_place *place) {
  en_place other;
  en_status status = ask(place);
  for (uint32_t slot = 1; !status && slot < EN_SLOTS; slot++) {
    wchar_t region[EN_WIDE];
    if (!en_place_slot(place, slot, &other)) continue;
    status = ask(&other);
    if (status == EN_ADDRESS_IN_USE) {
      return en_fail(status, "A living server shares the endpoint '%.100s' with others: %s.", place->name,
                     other.region);
    }
    if (status) return status;
    en_widen(other.region, region);
    (void)DeleteFileW(region);
  }
  return status;
}

/* Makes the file beside its name, and locks it. INVALID_HANDLE_VALUE and GetLastError(). */
static HANDLE make_file(const en_names *names, const wchar_t *path) {
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  uint8_t bytes[EN_MESSAGE_BYTES];
  DWORD written = 0;
  en_discovery_write(bytes, names->nonce, names->max_connections, names->library);
  (void)DeleteFileW(path);
  HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, share, NULL, CREATE_NEW,
                            FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  if (file == INVALID_HANDLE_VALUE) return file;
  if (WriteFile(file, bytes, sizeof bytes, &written, NULL) && written == sizeof bytes &&
      en_file_lock(file, true))
    return file;
  DWORD error = GetLastError();
  (void)CloseHandle(file);
  (void)DeleteFileW(path);
  SetLastError(error);
  return INVALID_HANDLE_VALUE;
}

/* The file is whole and locked when it gets its name. */
static en_status make_region(en_names *names, const en_place *place) {
  wchar_t fresh[EN_WIDE], region[EN_WIDE];
  en_widen(place->fresh, fresh);
  en_widen(place->region, region);
  HANDLE file = make_file(names, fresh);
  if (file == INVALID_HANDLE_VALUE) return cannot_make(place->fresh);
  if (!en_file_identify(file, &names->file) || !MoveFileExW(fresh, region, MOVEFILE_REPLACE_EXISTING)) {
    en_status status = cannot_make(place->region);
    (void)CloseHandle(file);
    (void)DeleteFileW(fresh);
    return status;
  }
  en_close_handle(names->region); /* the new life lock is already held */
  names->region = file;
  return EN_OK;
}

en_status en_names_take(en_names *names, const en_place *place, int64_t deadline,
                        en_status (*listen)(void *user), void *user) {
  HANDLE lock;
  en_status status = en_directory_lock(place, deadline, &lock);
  if (status) return status;
  status = ask_all(place);
  if (!status) status = listen(user);
  if (!status) status = make_region(names, place);
  (void)CloseHandle(lock);
  return status;
}

en_status en_names_renew(en_names *names, const en_place *place) {
  HANDLE lock;
  if (en_file_stands(place->region, &names->file)) return EN_OK;
  if (en_directory_lock(place, en_now_ms(), &lock)) return EN_OK; /* the next second asks again */
  en_status status = EN_OK;
  if (!en_file_stands(place->region, &names->file)) {
    status = ask_all(place); /* another server may have taken the name */
    if (!status) (void)make_region(names, place);
  }
  (void)CloseHandle(lock);
  return status == EN_ADDRESS_IN_USE ? status : EN_OK;
}

void en_names_give_back(en_names *names, const en_place *place) {
  HANDLE lock;
  en_kept_error kept;
  if (names->region == INVALID_HANDLE_VALUE) return;
  en_keep_error(&kept); /* giving back does not fail */
  /* This is correct without the directory's lock, too: no other process replaces the name while this side
   * holds the life lock. */
  bool locked = en_directory_lock(place, en_deadline(1000), &lock) == EN_OK;
  en_file_remove(place->region, &names->file);
  (void)CloseHandle(names->region);
  if (locked) (void)CloseHandle(lock);
  en_restore_error(&kept);
  names->region = INVALID_HANDLE_VALUE;
}
