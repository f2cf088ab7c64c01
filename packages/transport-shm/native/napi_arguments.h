#ifndef ENTROPYNET_NAPI_ARGUMENTS_H_
#define ENTROPYNET_NAPI_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include <napi.h>

#include "platform/descriptor.h"

namespace entropynet {

/*
 * Readers of one argument each. Every one returns whether the argument at `index` is right; if it is
 * not, a TypeError that names the argument, what was given and what is allowed is pending.
 */

// A whole number from `least` to `greatest`.
bool ReadInteger(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                 double greatest, double* value);

// A number, whole or not, from `least` to `greatest`.
bool ReadNumber(const Napi::CallbackInfo& info, std::size_t index, const char* name, double least,
                double greatest, double* value);

// A descriptor number.
bool ReadDescriptor(const Napi::CallbackInfo& info, std::size_t index, const char* name, Descriptor* value);

// A string that is not empty and has no NUL in it, as UTF-8.
bool ReadPath(const Napi::CallbackInfo& info, std::size_t index, const char* name, std::string* value);

// Bytes that belong to JavaScript: good until the next call into it.
struct ByteView {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// A Uint8Array of at least one byte.
bool ReadBytes(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value);

// An ArrayBuffer; one that was detached has no data and size 0.
bool ReadArrayBuffer(const Napi::CallbackInfo& info, std::size_t index, const char* name, ByteView* value);

// A boolean; `value` stays as it is where the argument is left out.
bool ReadFlag(const Napi::CallbackInfo& info, std::size_t index, const char* name, bool* value);

// A function.
bool ReadFunction(const Napi::CallbackInfo& info, std::size_t index, const char* name, Napi::Function* value);

}  // namespace entropynet

#endif  // ENTROPYNET_NAPI_ARGUMENTS_H_
