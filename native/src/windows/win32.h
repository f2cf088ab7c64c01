/* What the files for Windows share. */
#ifndef ENTROPYNET_WIN32_H
#define ENTROPYNET_WIN32_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "../platform.h"

/* Room for a path or name in UTF-16. */
#define EN_WIDE 300

/* A handle of the library as one of the system, and the other way round. */
static inline HANDLE en_to_system(en_handle handle) { return (HANDLE)handle; }
static inline en_handle en_from_system(HANDLE handle) { return (en_handle)handle; }

/* Converts UTF-8. A text that does not fit gives an empty one, which no call of the system takes. */
void en_widen(const char *text, wchar_t wide[EN_WIDE]);
/* Closes a handle of the system, if it is one. */
void en_close_handle(HANDLE handle);

/* ---- security.c ---- */

/* Makes rights for this user alone, and makes this user the owner. Returns NULL if the system refuses.
 * en_rights_free() frees the result. */
typedef enum { EN_FOR_OBJECT, EN_FOR_DIRECTORY } en_rights_kind;
SECURITY_ATTRIBUTES *en_rights_make(en_rights_kind kind);
void en_rights_free(SECURITY_ATTRIBUTES *rights);
/* Returns whether this user owns an object that was opened with READ_CONTROL, and no other account may change
 * it. Administrators and the system do not count; they may also own a file. */
bool en_is_private_object(HANDLE object);
bool en_is_private_file(HANDLE file);

/* ---- memory.c ---- */

/* Returns whether a handle is memory of the paging file. *size is its size in bytes. */
bool en_is_memory(HANDLE section, uint64_t *size);

/* ---- files.c: the files of the discovery directory ---- */

typedef struct {
  DWORD volume;
  uint64_t number;
} en_file;

/* Opens the directory of a place if it is safe; makes it first if it is missing and `make` is true. */
en_status en_directory_check(const en_place *place, bool make);
/* Takes the lock of the directory before the deadline. */
en_status en_directory_lock(const en_place *place, int64_t deadline, HANDLE *lock);
/* Opens a file that exists, not following a link. INVALID_HANDLE_VALUE and GetLastError(). */
HANDLE en_file_open(const char *path, DWORD access);
/* Takes the lock of an open file without waiting. False: another process has it, or GetLastError(). */
bool en_file_lock(HANDLE file, bool exclusive);
/* Returns whether the error of en_file_lock() means that another process has the lock. */
bool en_is_locked_error(DWORD error);
bool en_file_identify(HANDLE file, en_file *identity);
/* Returns whether the name at `path` still stands for the file. */
bool en_file_stands(const char *path, const en_file *identity);
/* Removes the name at `path` if it still stands for the file. */
void en_file_remove(const char *path, const en_file *identity);

/* ---- pipe.c ---- */

#define EN_PIPE_BUFFER (64u * 1024)

/* The name of the pipe of a server with this nonce. */
void en_pipe_name(const uint8_t nonce[16], wchar_t name[EN_WIDE]);
/* Makes a link of one end of a pipe in message mode, which it owns from then on. Its reads set `signal`, or
 * an event of its own if that is NULL. NULL: the system has no memory or event; the pipe is closed then. */
en_link en_pipe_link(HANDLE pipe, bool is_client, HANDLE signal);
/* Returns whether en_link_take() has something to do. */
bool en_pipe_is_ready(en_link link);
/* Lets the reads of a link set its own event from now on. */
void en_pipe_use_own_event(en_link link);
/* A place that points at the link until the link is closed; then NULL stands there. */
void en_pipe_watch(en_link link, en_link *place);

#endif
