#ifndef ENTROPYNET_PLATFORM_WINDOWS_HOST_FUNCTIONS_H_
#define ENTROPYNET_PLATFORM_WINDOWS_HOST_FUNCTIONS_H_

// Lets every program with Node-API load the addon: node.exe, Electron and single executables, which have
// other names. An import library of Windows names the program of each function. So the addon imports none: it
// looks the functions up in the running program while it loads, before it calls any of them. The build makes
// a file that includes this and names each function once.

#include <windows.h>

namespace entropynet {

/** Where the compiler looks for a function of another program. */
struct HostFunction {
  HostFunction(void** place, const char* name) {
    *place = reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(nullptr), name));
  }
};

}  // namespace entropynet

#define HOST_FUNCTION(name)     \
  extern "C" {                  \
  extern void* __imp_##name;    \
  void* __imp_##name = nullptr; \
  }                             \
  static const entropynet::HostFunction host_##name(&__imp_##name, #name);

#endif  // ENTROPYNET_PLATFORM_WINDOWS_HOST_FUNCTIONS_H_
