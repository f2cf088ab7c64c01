// Lets every program that offers Node-API load the addon. The addon names node.exe as the library that has
// the functions; Electron and single executables have other names. The functions are looked up at their first
// use, and this sends the search to the program that runs.

#include <windows.h>

#include <delayimp.h>

namespace {

FARPROC WINAPI FindHostProgram(unsigned event, DelayLoadInfo* information) {
  if (event != dliNotePreLoadLibrary || ::lstrcmpiA(information->szDll, "node.exe") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(::GetModuleHandleW(nullptr));
}

}  // namespace

extern "C" {
PfnDliHook __pfnDliNotifyHook2 = FindHostProgram;
}
