#include "../file_name.h"

#include "../descriptor.h"
#include "win32.h"

namespace entropynet {
namespace {

constexpr int kHighWordBits = 32;

Status Open(const std::string& path, DWORD access, OwnedDescriptor* opened, FileIdentity* identity) {
  const HANDLE file = ::CreateFileW(
      Widen(path).c_str(), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  if (file == INVALID_HANDLE_VALUE) return LastError("CreateFile");
  opened->Reset(ToDescriptor(file));
  BY_HANDLE_FILE_INFORMATION information;
  if (!::GetFileInformationByHandle(file, &information)) return LastError("GetFileInformationByHandle");
  identity->device = information.dwVolumeSerialNumber;
  identity->number =
      (static_cast<std::uint64_t>(information.nFileIndexHigh) << kHighWordBits) | information.nFileIndexLow;
  return {};
}

}  // namespace

Status IdentifyFile(const std::string& path, FileIdentity* identity) {
  OwnedDescriptor file;
  return Open(path, FILE_READ_ATTRIBUTES, &file, identity);
}

void RemoveFileIfSame(const std::string& path, const FileIdentity& identity) {
  OwnedDescriptor file;
  FileIdentity current;
  if (!Open(path, FILE_READ_ATTRIBUTES | DELETE, &file, &current).Ok()) return;
  if (current.device != identity.device || current.number != identity.number) return;
  // By handle, so that exactly this file is removed, even if the name belongs to another file now.
  FILE_DISPOSITION_INFO disposition{TRUE};
  ::SetFileInformationByHandle(ToHandle(file.Get()), FileDispositionInfo, &disposition, sizeof disposition);
}

}  // namespace entropynet
