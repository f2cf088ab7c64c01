/* The client's search for a server, and its connection to the server's pipe. Sections 1 and 9 of the
 * protocol.
 */
#include <string.h>

#include "../discovery.h"
#include "../error.h"
#include "win32.h"

static en_status check_region(const en_place *place, HANDLE file, en_discovery *server) {
  BY_HANDLE_FILE_INFORMATION found;
  uint8_t bytes[EN_MESSAGE_BYTES];
  DWORD got = 0;
  const DWORD wrong = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if (!GetFileInformationByHandle(file, &found) || (found.dwFileAttributes & wrong) ||
      !en_is_private_file(file)) {
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "%s must be a file of this user that nobody else may write to.", place->region);
  }
  if (found.nFileSizeHigh != 0 || found.nFileSizeLow != EN_MESSAGE_BYTES ||
      !ReadFile(file, bytes, sizeof bytes, &got, NULL) || got != sizeof bytes)
    return en_discovery_wrong(place);
  return en_discovery_read(place, bytes, server);
}

/* Reads the region, and checks if a living server holds its lock. */
static en_status find_server(const en_place *place, en_discovery *server, bool *alive) {
  en_status status = en_directory_check(place, false);
  if (status) return status;
  HANDLE file = en_file_open(place->region, GENERIC_READ);
  if (file == INVALID_HANDLE_VALUE) {
    DWORD error = GetLastError();
    return en_fail(error == ERROR_FILE_NOT_FOUND ? EN_TRANSPORT_UNAVAILABLE : EN_SHARED_MEMORY_PERMISSION,
                   "There is no server '%.100s': %s: error %lu.", place->name, place->region, error);
  }
  status = check_region(place, file, server);
  /* A server's exclusive lock makes a shared one fail. */
  *alive = !status && !en_file_lock(file, false);
  (void)CloseHandle(file);
  return status;
}

en_status en_link_look(const en_place *place, uint8_t nonce[16], bool *is_shared) {
  en_discovery server;
  bool alive;
  en_status status = find_server(place, &server, &alive);
  if (status) return status;
  memcpy(nonce, server.nonce, sizeof server.nonce);
  *is_shared = server.is_shared;
  return EN_OK;
}

/* No process can make another user the owner of a pipe. The maker of a pipe can forge a process number, but
 * only one of this user can make this pipe. */
static bool is_server(HANDLE pipe, const en_discovery *server) {
  ULONG process;
  return en_is_private_object(pipe) && GetNamedPipeServerProcessId(pipe, &process) &&
         process == server->process;
}

en_status en_link_connect(const en_place *place, uint8_t nonce[16], en_link *link) {
  en_discovery server;
  bool alive = false;
  wchar_t name[EN_WIDE];
  DWORD mode = PIPE_READMODE_MESSAGE;
  en_status status = find_server(place, &server, &alive);
  if (status) return status;
  memcpy(nonce, server.nonce, sizeof server.nonce);
  en_pipe_name(server.nonce, name);
  /* The server may identify this process but not act in its name. */
  const DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
  HANDLE pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
  if (pipe == INVALID_HANDLE_VALUE) {
    DWORD error = GetLastError();
    if (error == ERROR_PIPE_BUSY || (error == ERROR_FILE_NOT_FOUND && alive)) return EN_WOULD_BLOCK;
    return en_fail(error == ERROR_ACCESS_DENIED ? EN_SHARED_MEMORY_PERMISSION : EN_TRANSPORT_UNAVAILABLE,
                   "Nobody listens for the endpoint '%.100s': error %lu.", place->name, error);
  }
  if (!is_server(pipe, &server)) {
    (void)CloseHandle(pipe);
    return en_fail(EN_SHARED_MEMORY_PERMISSION,
                   "Another process answers in the place of the server '%.100s'.", place->name);
  }
  if (!SetNamedPipeHandleState(pipe, &mode, NULL, NULL)) {
    (void)CloseHandle(pipe);
    return en_fail(EN_TRANSPORT_UNAVAILABLE, "The server '%.100s' has gone.", place->name);
  }
  *link = en_pipe_link(pipe, true, NULL);
  return *link ? EN_OK
               : en_fail(EN_RESOURCE_LIMIT_EXCEEDED, "The system gave no memory or event for a link.");
}

bool en_link_server_lives(const en_place *place, const uint8_t nonce[16]) {
  en_discovery server;
  bool alive = false;
  en_status status = find_server(place, &server, &alive);
  return alive && (status || memcmp(server.nonce, nonce, 16) == 0);
}
