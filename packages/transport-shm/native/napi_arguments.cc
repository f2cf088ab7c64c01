#include "napi_arguments.h"

#include <cmath>
#include <cstdio>

#include "napi_error.h"

namespace entropynet {
namespace {

constexpr std::size_t kShownStringBytes = 200;

std::string FormatNumber(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", number);
  return text;
}

std::string DescribeGiven(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return FormatNumber(value.As<Napi::Number>().DoubleValue());
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return "'" + text.substr(0, kShownStringBytes) + "'";
    }
    case napi_symbol:
      return "a symbol";
    case napi_bigint:
      return "a bigint";
    case napi_function:
      return "a function";
    default:
      if (value.IsArrayBuffer()) return "an ArrayBuffer";
      if (value.IsTypedArray()) return "a typed array of another kind or without bytes";
      return "an object";
  }
}

bool Refuse(const Napi::CallbackInfo& info, std::size_t index, const char* name, const std::string& allowed) {
  ThrowTypeError(info.Env(),
                 std::string(name) + " must be " + allowed + ", got " + DescribeGiven(info[index]));
  return false;
}

std::string FormatRange(double least, double greatest) {
  return " from " + FormatNumber(least) + " to " + FormatNumber(greatest);
}

}  // namespace

bool ReadNumber(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                double greatest, double* value) {
  if (info[index].IsNumber()) {
    *value = info[index].As<Napi::Number>().DoubleValue();
    if (*value >= least && *value <= greatest) return true;
  }
  return Refuse(info, index, name, "a number" + FormatRange(least, greatest));
}

bool ReadInteger(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                 double greatest, double* value) {
  if (info[index].IsNumber()) {
    *value = info[index].As<Napi::Number>().DoubleValue();
    if (*value >= least && *value <= greatest && std::trunc(*value) == *value) return true;
  }
  return Refuse(info, index, name, "an integer" + FormatRange(least, greatest));
}

bool ReadDescriptor(const Napi::CallbackInfo& info, std::size_t index, const char* name, Descriptor* value) {
  double number;
  if (!ReadInteger(info, index, name, 0, kMaxDescriptor, &number)) return false;
  *value = static_cast<Descriptor>(number);
  return true;
}

bool ReadPath(const Napi::CallbackInfo& info, std::size_t index, const char* name, std::string* value) {
  if (info[index].IsString()) {
    *value = info[index].As<Napi::String>().Utf8Value();
    if (!value->empty() && value->find('\0') == std::string::npos) return true;
  }
  return Refuse(info, index, name, "a string that is not empty and has no NUL character");
}

bool ReadBytes(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value) {
  if (info[index].IsTypedArray() && info[index].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const Napi::Uint8Array array = info[index].As<Napi::Uint8Array>();
    *value = {const_cast<std::uint8_t*>(array.Data()), array.ElementLength()};
    if (value->data != nullptr && value->size > 0) return true;
  }
  return Refuse(info, index, name, "a Uint8Array of at least one byte");
}

bool ReadArrayBuffer(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value) {
  if (!info[index].IsArrayBuffer()) return Refuse(info, index, name, "an ArrayBuffer");
  void* data = nullptr;
  std::size_t size = 0;
  if (napi_get_arraybuffer_info(info.Env(), info[index], &data, &size) != napi_ok) {
    return Refuse(info, index, name, "an ArrayBuffer");
  }
  *value = {static_cast<std::uint8_t*>(data), size};
  return true;
}

bool ReadFlag(const Napi::CallbackInfo& info, std::size_t index, const char* name, bool* value) {
  if (info[index].IsUndefined()) return true;
  if (!info[index].IsBoolean()) return Refuse(info, index, name, "a boolean");
  *value = info[index].As<Napi::Boolean>().Value();
  return true;
}

bool ReadFunction(const Napi::CallbackInfo& info, std::size_t index, const char* name,
                  Napi::Function* value) {
  if (!info[index].IsFunction()) return Refuse(info, index, name, "a function");
  *value = info[index].As<Napi::Function>();
  return true;
}

}  // namespace entropynet
