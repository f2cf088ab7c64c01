#include "security.h"

#include <vector>

#include <sddl.h>

#include "win32.h"

namespace entropynet {
namespace {

// The rights to change an object, or to let its holder change it, with the meanings that these bits have for
// files.
constexpr DWORD kWriteRights = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES |
                               FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE |
                               GENERIC_ALL;

// The kinds of rules that grant rights to one identifier. The headers of some toolchains lack a name.
constexpr BYTE kAllowed = 0;
constexpr BYTE kAllowedWithCondition = 9;
// The kinds of rules that grant nothing: denials, audits, alarms, labels and later kinds.
constexpr BYTE kGrantsNothing[] = {1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};

// Owns the bytes of a security identifier.
using Sid = std::vector<BYTE>;

PSID Pointer(const Sid& sid) { return const_cast<BYTE*>(sid.data()); }

// Reads the user of this process's token, which an impersonation by a thread does not change.
Status ReadCurrentUser(Sid* user) {
  HANDLE opened = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &opened)) return LastError("OpenProcessToken");
  const OwnedDescriptor token = OwnHandle(opened);
  alignas(TOKEN_USER) BYTE buffer[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  DWORD length = 0;
  if (!::GetTokenInformation(opened, TokenUser, buffer, sizeof buffer, &length))
    return LastError("GetTokenInformation");
  const PSID sid = reinterpret_cast<const TOKEN_USER*>(buffer)->User.Sid;
  user->assign(static_cast<const BYTE*>(sid), static_cast<const BYTE*>(sid) + ::GetLengthSid(sid));
  return {};
}

Status ToText(PSID sid, std::wstring* text) {
  LPWSTR made = nullptr;
  if (!::ConvertSidToStringSidW(sid, &made)) return LastError("ConvertSidToStringSid");
  *text = made;
  ::LocalFree(made);
  return {};
}

// An identifier's text is plain ASCII.
std::string Narrow(const std::wstring& text) {
  std::string narrow;
  for (const wchar_t character : text) narrow.push_back(static_cast<char>(character));
  return narrow;
}

std::string Describe(PSID sid) {
  std::wstring text;
  return ToText(sid, &text).Ok() ? Narrow(text) : "somebody without an identifier";
}

bool IsWellKnown(PSID sid, WELL_KNOWN_SID_TYPE type) { return ::IsWellKnownSid(sid, type) != FALSE; }

bool IsAdministrator(PSID sid) {
  return IsWellKnown(sid, WinBuiltinAdministratorsSid) || IsWellKnown(sid, WinLocalSystemSid);
}

// Returns whether the identifier stands for the owner, under either name.
bool IsOwnerRights(PSID sid) {
  return IsWellKnown(sid, WinCreatorOwnerRightsSid) || IsWellKnown(sid, WinCreatorOwnerSid);
}

bool GrantsNothing(BYTE type) {
  for (const BYTE harmless : kGrantsNothing) {
    if (type == harmless) return true;
  }
  return false;
}

// Returns the first account in `list` besides `user` that may write.
std::string FindWriter(PACL list, PSID user) {
  // Without a list, every account has all rights.
  if (list == nullptr) return "everybody";
  for (DWORD index = 0; index < list->AceCount; index++) {
    void* rule = nullptr;
    if (!::GetAce(list, index, &rule)) return "somebody whose rule can't be read";
    const auto* header = static_cast<const ACE_HEADER*>(rule);
    // This rule applies only to later objects in it, and those are checked separately.
    if ((header->AceFlags & INHERIT_ONLY_ACE) != 0 || GrantsNothing(header->AceType)) continue;
    if (header->AceType != kAllowed && header->AceType != kAllowedWithCondition)
      return "somebody by a rule of an unknown kind";
    auto* allowed = static_cast<ACCESS_ALLOWED_ACE*>(rule);
    const PSID sid = &allowed->SidStart;
    if ((allowed->Mask & kWriteRights) == 0 || ::EqualSid(sid, user)) continue;
    if (!IsAdministrator(sid) && !IsOwnerRights(sid)) return Describe(sid);
  }
  return {};
}

}  // namespace

PrivateSecurity::~PrivateSecurity() { ::LocalFree(attributes_.lpSecurityDescriptor); }

Status PrivateSecurity::Make(For kind) {
  Sid user;
  Status status = ReadCurrentUser(&user);
  if (!status.Ok()) return status;
  std::wstring name;
  status = ToText(Pointer(user), &name);
  if (!status.Ok()) return status;
  // D:P: it inherits nothing from above. OICI: files and directories below inherit.
  const std::wstring flags = kind == For::kDirectory ? L"OICI" : L"";
  const std::wstring text = L"O:" + name + L"D:P(A;" + flags + L";GA;;;" + name + L")";
  if (!::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1,
                                                              &attributes_.lpSecurityDescriptor, nullptr)) {
    return LastError("ConvertStringSecurityDescriptorToSecurityDescriptor");
  }
  return {};
}

Status ReadObjectAccess(HANDLE object, SE_OBJECT_TYPE type, ObjectAccess* access) {
  Sid user;
  const Status status = ReadCurrentUser(&user);
  if (!status.Ok()) return status;
  PSID owner = nullptr;
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR security = nullptr;
  const DWORD error = ::GetSecurityInfo(object, type, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                        &owner, nullptr, &list, nullptr, &security);
  if (error != ERROR_SUCCESS) return {static_cast<int>(error), "GetSecurityInfo"};
  if (owner != nullptr) {
    access->owner = Describe(owner);
    access->is_own = ::EqualSid(owner, Pointer(user)) != FALSE;
    access->is_own_or_administered = access->is_own || IsAdministrator(owner);
  }
  access->writer = FindWriter(list, Pointer(user));
  ::LocalFree(security);
  return {};
}

Status ReadFileAccess(const std::string& path, ObjectAccess* access) {
  const OwnedDescriptor file = OwnHandle(::CreateFileW(
      Widen(path).c_str(), READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file.IsOpen()) return LastError("CreateFile");
  return ReadObjectAccess(ToHandle(file.Get()), SE_FILE_OBJECT, access);
}

Status MakePrivateDirectory(const std::string& path) {
  PrivateSecurity security;
  const Status status = security.Make(PrivateSecurity::For::kDirectory);
  if (!status.Ok()) return status;
  if (!::CreateDirectoryW(Widen(path).c_str(), security.Attributes())) return LastError("CreateDirectory");
  return {};
}

}  // namespace entropynet
