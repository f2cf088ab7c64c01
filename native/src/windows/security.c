/* Who may use an object: access lists take the place of modes. Section 9 of the protocol. */
#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32.h"

/* The rights to change an object, or to let its holder change it, with the meanings that these bits have for
 * files. */
#define WRITE_RIGHTS                                                                                         \
  (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD | DELETE | \
   WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL)

/* The kinds of rules that grant rights to one account. Some headers lack a name. */
#define ALLOWED 0
#define ALLOWED_WITH_CONDITION 9

/* The user of this process, whom an impersonation by a thread does not change. */
typedef struct {
  _Alignas(TOKEN_USER) BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
} user_buffer;

static PSID own_user(user_buffer *buffer) {
  HANDLE token;
  DWORD length = 0;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return NULL;
  BOOL read = GetTokenInformation(token, TokenUser, buffer->bytes, sizeof buffer->bytes, &length);
  (void)CloseHandle(token);
  return read ? ((TOKEN_USER *)(void *)buffer->bytes)->User.Sid : NULL;
}

/* The owner is named, because for an elevated process the system would name the group of administrators. */
SECURITY_ATTRIBUTES *en_rights_make(en_rights_kind kind) {
  user_buffer buffer;
  PSID user = own_user(&buffer);
  LPWSTR name = NULL;
  wchar_t text[2 * SECURITY_MAX_SID_SIZE * 4 + 64];
  SECURITY_ATTRIBUTES *rights = calloc(1, sizeof *rights);
  if (!rights || !user || !ConvertSidToStringSidW(user, &name)) {
    free(rights);
    return NULL;
  }
  /* D:P: it inherits nothing from above. OICI: files and directories below inherit. */
  (void)swprintf(text, sizeof text / sizeof *text, L"O:%lsD:P(A;%ls;GA;;;%ls)", name,
                 kind == EN_FOR_DIRECTORY ? L"OICI" : L"", name);
  (void)LocalFree(name);
  rights->nLength = sizeof *rights;
  if (ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1,
                                                           &rights->lpSecurityDescriptor, NULL)) {
    return rights;
  }
  free(rights);
  return NULL;
}

void en_rights_free(SECURITY_ATTRIBUTES *rights) {
  if (!rights) return;
  (void)LocalFree(rights->lpSecurityDescriptor);
  free(rights);
}

static bool is_administrator(PSID sid) {
  return IsWellKnownSid(sid, WinBuiltinAdministratorsSid) || IsWellKnownSid(sid, WinLocalSystemSid);
}

/* Kinds of rules that grant nothing: denials, audits, alarms, labels and later kinds. */
static bool grants_nothing(BYTE type) {
  static const BYTE kinds[] = {1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
  return memchr(kinds, type, sizeof kinds) != NULL;
}

/* Returns whether an account besides `user` may change the object. */
static bool has_writer(PACL list, PSID user) {
  if (!list) return true; /* without a list, every account has all rights */
  for (DWORD i = 0; i < list->AceCount; i++) {
    void *rule;
    if (!GetAce(list, i, &rule)) return true;
    const ACE_HEADER *header = rule;
    /* A rule for later objects in it only; those are checked by themselves. */
    if ((header->AceFlags & INHERIT_ONLY_ACE) || grants_nothing(header->AceType)) continue;
    if (header->AceType != ALLOWED && header->AceType != ALLOWED_WITH_CONDITION) return true;
    ACCESS_ALLOWED_ACE *allowed = rule;
    PSID sid = &allowed->SidStart;
    if (!(allowed->Mask & WRITE_RIGHTS) || EqualSid(sid, user) || is_administrator(sid)) continue;
    if (IsWellKnownSid(sid, WinCreatorOwnerRightsSid) || IsWellKnownSid(sid, WinCreatorOwnerSid)) continue;
    return true;
  }
  return false;
}

static bool is_private(HANDLE object, SE_OBJECT_TYPE type, bool may_administer) {
  user_buffer buffer;
  PSID user = own_user(&buffer), owner = NULL;
  PACL list = NULL;
  PSECURITY_DESCRIPTOR security = NULL;
  if (!user) return false;
  if (GetSecurityInfo(object, type, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                      &list, NULL, &security) != ERROR_SUCCESS) {
    return false;
  }
  bool result = owner && (EqualSid(owner, user) || (may_administer && is_administrator(owner))) &&
                !has_writer(list, user);
  (void)LocalFree(security);
  return result;
}

bool en_is_private_object(HANDLE object) { return is_private(object, SE_KERNEL_OBJECT, false); }

bool en_is_private_file(HANDLE file) { return is_private(file, SE_FILE_OBJECT, true); }
