/* The region on Windows: a section of the paging file, without a name. Its size never changes. */
#include "../error.h"
#include "win32.h"

/* Attributes of a section; the headers of some toolchains lack them. */
#define FILE_BACKED 0x00800000u /* SEC_FILE */
#define IMAGE 0x01000000u       /* SEC_IMAGE */
#define RESERVED 0x04000000u    /* SEC_RESERVE */
#define COMMITTED 0x08000000u   /* SEC_COMMIT */

/* SECTION_BASIC_INFORMATION of the system's own library. */
typedef struct {
  void *base;
  ULONG attributes;
  LARGE_INTEGER size;
} section_information;

typedef LONG(NTAPI *query_call)(HANDLE, int, void *, SIZE_T, SIZE_T *);

/* The documented interface has no call for it. This one of the system's own library exists since its first
 * version. Reading a view of a file fails if the file has gone, and so does memory that is only reserved. */
bool en_is_memory(HANDLE section, uint64_t *size) {
  section_information found;
  HMODULE library = GetModuleHandleW(L"ntdll.dll");
  query_call query = library ? (query_call)(void *)GetProcAddress(library, "NtQuerySection") : NULL;
  if (!query || query(section, 0, &found, sizeof found, NULL) < 0) return false;
  *size = (uint64_t)found.size.QuadPart;
  return (found.attributes & (FILE_BACKED | IMAGE | RESERVED | COMMITTED)) == COMMITTED;
}

static uint8_t *map(HANDLE section, uint32_t size) {
  return MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
}

en_status en_region_make(uint32_t size, en_handle *region, uint8_t **bytes, const char **why) {
  HANDLE section =
      CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_COMMIT, 0, (DWORD)size, NULL);
  *bytes = section ? map(section, size) : NULL;
  if (*bytes) {
    *region = en_from_system(section);
    return EN_OK;
  }
  DWORD error = GetLastError();
  en_close_handle(section);
  *why = error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_COMMITMENT_LIMIT ? "ENOMEM" : NULL;
  return en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no region of %u bytes: error %lu.", size,
                 error);
}

en_status en_region_map(en_handle region, uint32_t size, uint8_t **bytes) {
  SYSTEM_INFO system;
  uint64_t actual;
  if (region < 0) return en_fail(EN_HANDSHAKE_FAILED, "The server passed no region.");
  if (!en_is_memory(en_to_system(region), &actual)) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "The server passed something else than memory whose size can't change.");
  }
  GetSystemInfo(&system);
  uint64_t page = system.dwPageSize;
  /* The system may report the size in whole pages. */
  if (actual != size && actual != (size + page - 1) / page * page) {
    return en_fail(EN_SHARED_MEMORY_SIZE_MISMATCH,
                   "The server passed a region of %llu bytes and announced %u.", (unsigned long long)actual,
                   size);
  }
  *bytes = map(en_to_system(region), size);
  if (*bytes) return EN_OK;
  DWORD error = GetLastError();
  return en_fail(
      error == ERROR_NOT_ENOUGH_MEMORY ? EN_RESOURCE_LIMIT_EXCEEDED : EN_SHARED_MEMORY_NOT_AVAILABLE,
      "The region of %u bytes can't be mapped: error %lu.", size, error);
}

void en_region_unmap(uint8_t *bytes, uint32_t size) {
  (void)size;
  (void)UnmapViewOfFile(bytes);
}

void en_region_close(en_handle region) { (void)CloseHandle(en_to_system(region)); }
