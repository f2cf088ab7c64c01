#ifndef ENTROPYNET_NAPI_ARGUMENTS_H_
#define ENTROPYNET_NAPI_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include <napi.h>

#include "platform/descriptor.h"

namespace entropynet {

/*
 * Each function reads one argument and returns whether the argument at `index` is right. If it is not, a
 * TypeError is pending. It names the argument, the given value and the allowed values.
 */

// Reads a whole number from `least` to `greatest`.
bool ReadInteger(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                 double greatest, double* value);

// Reads a number, whole or not, from `least` to `greatest`.
bool ReadNumber(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                double greatest, double* value);

// Reads a descriptor number.
bool ReadDescriptor(const Napi::CallbackInfo& info, std::size_t index, const char* name, Descriptor* value);

// Reads a string that is not empty and contains no NUL, as UTF-8.
bool ReadPath(const Napi::CallbackInfo& info, std::size_t index, const char* name, std::string* value);

// Bytes that belong to JavaScript. They are valid until the next call into it.
struct ByteView {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// Reads a Uint8Array of at least one byte.
bool ReadBytes(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value);

// Reads an ArrayBuffer. A detached one has no data and size 0.
bool ReadArrayBuffer(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value);

// Reads a boolean. `value` stays unchanged if the argument is absent.
bool ReadFlag(const Napi::CallbackInfo& info, std::size_t index, const char* name, bool* value);

// Reads a function.
bool ReadFunction(const Napi::CallbackInfo& info, std::size_t index, const char* name, Napi::Function* value);

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_ARGUMENTS_H_
