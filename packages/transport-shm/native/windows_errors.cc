#include "windows_errors.h"

#include <uv.h>

#include "platform/windows/win32.h"

namespace entropynet {
namespace {

struct Meaning {
  int code;
  DWORD error;
};

// The errors of the calls in platform/windows, by the code that JavaScript expects for them.
constexpr Meaning kMeanings[] = {
    {UV_EACCES, ERROR_ACCESS_DENIED},
    {UV_EACCES, ERROR_PRIVILEGE_NOT_HELD},
    {UV_EADDRINUSE, WSAEADDRINUSE},
    {UV_EAGAIN, WSAEWOULDBLOCK},
    {UV_EBADF, ERROR_INVALID_HANDLE},
    {UV_EBUSY, ERROR_BUSY},
    {UV_EBUSY, ERROR_LOCK_VIOLATION},
    {UV_EBUSY, ERROR_PIPE_BUSY},
    {UV_EBUSY, ERROR_SHARING_VIOLATION},
    {UV_ECANCELED, ERROR_OPERATION_ABORTED},
    {UV_EEXIST, ERROR_ALREADY_EXISTS},
    {UV_EEXIST, ERROR_FILE_EXISTS},
    {UV_EINVAL, ERROR_INVALID_FUNCTION},
    {UV_EINVAL, ERROR_INVALID_PARAMETER},
    {UV_EIO, ERROR_GEN_FAILURE},
    {UV_ELOOP, ERROR_CANT_RESOLVE_FILENAME},
    {UV_EMFILE, ERROR_TOO_MANY_OPEN_FILES},
    {UV_ENAMETOOLONG, ERROR_FILENAME_EXCED_RANGE},
    {UV_ENOENT, ERROR_BAD_PATHNAME},
    {UV_ENOENT, ERROR_FILE_NOT_FOUND},
    {UV_ENOENT, ERROR_INVALID_DRIVE},
    {UV_ENOENT, ERROR_INVALID_NAME},
    {UV_ENOENT, ERROR_PATH_NOT_FOUND},
    {UV_ENOMEM, ERROR_COMMITMENT_LIMIT},
    {UV_ENOMEM, ERROR_NOT_ENOUGH_MEMORY},
    {UV_ENOMEM, ERROR_NO_SYSTEM_RESOURCES},
    {UV_ENOMEM, ERROR_OUTOFMEMORY},
    {UV_ENOSPC, ERROR_DISK_FULL},
    {UV_ENOSPC, ERROR_HANDLE_DISK_FULL},
    {UV_ENOTDIR, ERROR_DIRECTORY},
    {UV_ENOTSUP, ERROR_NOT_SUPPORTED},
    {UV_EPIPE, ERROR_BROKEN_PIPE},
    {UV_EPIPE, ERROR_NO_DATA},
    {UV_EPIPE, ERROR_PIPE_NOT_CONNECTED},
    {UV_EROFS, ERROR_WRITE_PROTECT},
    {UV_ETIMEDOUT, ERROR_SEM_TIMEOUT},
};

}  // namespace

int LibuvCodeOf(int error) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.error == static_cast<DWORD>(error)) return meaning.code;
  }
  return UV_UNKNOWN;
}

}  // namespace entropynet
