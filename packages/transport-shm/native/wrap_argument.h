#ifndef ENTROPYNET_WRAP_ARGUMENT_H_
#define ENTROPYNET_WRAP_ARGUMENT_H_

#include <memory>

#include <napi.h>

namespace entropynet {

/*
 * Makes the JavaScript object that wraps `content`. It calls `constructor` with an argument that only the
 * addon can make. `tag` distinguishes it from the arguments of other classes and addons. If the constructor
 * does not take the content (an environment that is being terminated runs none), this function destroys it.
 */
template <typename Content>
Napi::Value WrapContent(Napi::Env env, const Napi::FunctionReference& constructor, const napi_type_tag& tag,
                        std::unique_ptr<Content> content) {
  const auto argument = Napi::External<std::unique_ptr<Content>>::New(env, &content);
  if (napi_type_tag_object(env, argument, &tag) != napi_ok) return {};
  return constructor.New({argument});
}

// Returns the content that WrapContent passed to a constructor; null if JavaScript called it.
template <typename Content>
std::unique_ptr<Content> TakeContent(const Napi::CallbackInfo& info, const napi_type_tag& tag) {
  if (info.Length() == 0 || !info[0].IsExternal()) return nullptr;
  bool is_ours = false;
  if (napi_check_object_type_tag(info.Env(), info[0], &tag, &is_ours) != napi_ok || !is_ours) return nullptr;
  return std::move(*info[0].As<Napi::External<std::unique_ptr<Content>>>().Data());
}

}  // namespace entropynet

#endif  // ENTROPYNET_WRAP_ARGUMENT_H_
