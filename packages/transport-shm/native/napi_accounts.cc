#include <cstdint>
#include <string>
#include <vector>

#include <napi.h>

#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "platform/accounts.h"
#ifdef __linux__
#include "platform/access_list.h"
#endif

namespace entropynet {
namespace {

#ifndef _WIN32
// `find` is one of the two functions of platform/accounts.h.
template <Status (*find)(const std::string&, bool*, std::uint32_t*)>
Napi::Value Find(const Napi::CallbackInfo& info) {
  std::string name;
  if (!ReadPath(info, 0, "name", &name)) return {};
  bool found = false;
  std::uint32_t id = 0;
  const Status status = find(name, &found, &id);
  if (!status.Ok()) {
    ThrowStatus(info.Env(), status);
    return {};
  }
  if (!found) return info.Env().Null();
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}
#endif

#ifdef __linux__
constexpr double kMostMode = 07777;
constexpr double kMostRights = 7;

// Reads a Uint32Array, the numbers of users or groups, into a copy.
bool ReadNumbers(const Napi::CallbackInfo& info, std::size_t index, const char* name,
                 std::vector<std::uint32_t>* numbers) {
  if (!info[index].IsTypedArray() ||
      info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    ThrowTypeError(info.Env(), std::string(name) + " must be a Uint32Array");
    return false;
  }
  const auto array = info[index].As<Napi::Uint32Array>();
  numbers->assign(array.Data(), array.Data() + array.ElementLength());
  return true;
}

void Grant(const Napi::CallbackInfo& info) {
  std::string path;
  double mode;
  double rights;
  std::vector<std::uint32_t> users;
  std::vector<std::uint32_t> groups;
  if (!ReadPath(info, 0, "path", &path)) return;
  if (!ReadInteger(info, 1, "mode", 0, kMostMode, &mode)) return;
  if (!ReadNumbers(info, 2, "users", &users) || !ReadNumbers(info, 3, "groups", &groups)) return;
  if (!ReadInteger(info, 4, "rights", 1, kMostRights, &rights)) return;
  const Status status =
      GrantAccess(path, static_cast<std::uint32_t>(mode), users, groups, static_cast<std::uint32_t>(rights));
  if (!status.Ok()) ThrowStatus(info.Env(), status, path);
}
#endif

}  // namespace

void ExportAccounts([[maybe_unused]] Napi::Env env, [[maybe_unused]] Napi::Object exports) {
#ifndef _WIN32
  exports.Set("userIdOf", Napi::Function::New<Find<FindUser>>(env, "userIdOf"));
  exports.Set("groupIdOf", Napi::Function::New<Find<FindGroup>>(env, "groupIdOf"));
#endif
#ifdef __linux__
  exports.Set("grantAccess", Napi::Function::New<Grant>(env, "grantAccess"));
#endif
}

}  // namespace entropynet
