/* Computes the names in the discovery directory from an endpoint. Section 1 of the protocol. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "win32.h"

/* A path has at most 259 characters. A separator, 24 digits and ".region.new" need the rest, with room for
 * what the system adds while it resolves a path. */
#define DIRECTORY_BYTES 200

/* Reads a variable of the environment as UTF-8. False: it is missing, empty or too long. */
static bool variable(const wchar_t *name, char *out, size_t room) {
  wchar_t wide[EN_WIDE];
  DWORD length = GetEnvironmentVariableW(name, wide, EN_WIDE);
  if (length == 0 || length >= EN_WIDE) return false;
  return WideCharToMultiByte(CP_UTF8, 0, wide, -1, out, (int)room, NULL, NULL) > 1;
}

/* The temporary directory, as Node.js finds it. */
static bool temporary(char *out, size_t room) {
  if (variable(L"TEMP", out, room) || variable(L"TMP", out, room)) {
    size_t length = strlen(out);
    if (length > 1 && out[length - 1] == '\\' && out[length - 2] != ':') out[length - 1] = '\0';
    return true;
  }
  if (!variable(L"SystemRoot", out, room) && !variable(L"windir", out, room)) return false;
  (void)strncat(out, "\\temp", room - strlen(out) - 1);
  return true;
}

/* Writes the directory as an absolute path, because the working directory can change. */
static en_status find_directory(const char *given, en_place *place) {
  char base[EN_WIDE] = "", named[2 * EN_WIDE] = "";
  wchar_t relative[EN_WIDE], absolute[EN_WIDE];
  if (given)
    (void)snprintf(named, sizeof named, "%s", given);
  else if (variable(L"XDG_RUNTIME_DIR", base, sizeof base))
    (void)snprintf(named, sizeof named, "%s\\entropynet", base);
  else if (temporary(base, sizeof base))
    (void)snprintf(named, sizeof named, "%s\\entropynet-0", base); /* users have no numbers here */
  en_widen(named, relative);
  DWORD length = *relative ? GetFullPathNameW(relative, EN_WIDE, absolute, NULL) : 0;
  while (length > 3 && length < EN_WIDE && absolute[length - 1] == L'\\') absolute[--length] = L'\0';
  if (length > 0 && length < EN_WIDE) {
    int bytes =
        WideCharToMultiByte(CP_UTF8, 0, absolute, -1, place->directory, DIRECTORY_BYTES + 1, NULL, NULL);
    if (bytes > 0) return EN_OK;
  }
  return en_fail(EN_INVALID_PARAMETER, "The discovery directory '%.200s' is no path of 1 to %d bytes.", named,
                 DIRECTORY_BYTES);
}

static void name_files(en_place *place, uint32_t slot) {
  char suffix[12] = "";
  if (slot) (void)snprintf(suffix, sizeof suffix, ".%u", (unsigned)slot);
  (void)snprintf(place->region, sizeof place->region, "%.200s\\%s%.3s.region", place->directory, place->hash,
                 suffix);
  (void)snprintf(place->fresh, sizeof place->fresh, "%.200s\\%s%.3s.region.new", place->directory,
                 place->hash, suffix);
}

bool en_place_slot(const en_place *first, uint32_t slot, en_place *place) {
  wchar_t wide[EN_WIDE];
  *place = *first;
  name_files(place, slot);
  en_widen(place->region, wide);
  return GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;
}

en_status en_place_find(const char *endpoint, const char *directory, en_place *place) {
  const char *name;
  en_status status = en_endpoint_name(endpoint, &name, place->hash);
  if (!status) status = find_directory(directory, place);
  if (status) return status;
  (void)snprintf(place->name, sizeof place->name, "%.250s", name); /* for sentences */
  (void)snprintf(place->lock, sizeof place->lock, "%.200s\\directory.lock", place->directory);
  name_files(place, 0);
  return EN_OK;
}
