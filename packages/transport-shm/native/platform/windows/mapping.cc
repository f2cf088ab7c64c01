#include "../mapping.h"

#include <utility>

#include "win32.h"

namespace entropynet {
namespace {

constexpr int kHighWordBits = 32;

// Attributes of a section; the headers of some toolchains lack them.
constexpr ULONG kFileBacked = 0x00800000;  // SEC_FILE
constexpr ULONG kImage = 0x01000000;       // SEC_IMAGE
constexpr ULONG kReserved = 0x04000000;    // SEC_RESERVE
constexpr ULONG kCommitted = 0x08000000;   // SEC_COMMIT

// SECTION_BASIC_INFORMATION of the system's own library.
struct SectionInformation {
  void* base_address;
  ULONG attributes;
  LARGE_INTEGER size;
};

/*
 * Reads the properties of `descriptor`, without mapping it. The documented interface of the system has no
 * such function. This call of its own library exists since its first version.
 */
bool ReadSection(Descriptor descriptor, SectionInformation* information) {
  using Query = LONG(NTAPI*)(HANDLE, int, void*, SIZE_T, SIZE_T*);
  static const auto query = reinterpret_cast<Query>(
      reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "NtQuerySection")));
  constexpr int basic_information = 0;
  return query != nullptr &&
         query(ToHandle(descriptor), basic_information, information, sizeof *information, nullptr) >= 0;
}

/*
 * Returns whether it is memory of the paging file only. Reading a view of a file fails with an exception if
 * the file or its disk has gone, and memory that is only reserved fails at the first access.
 */
bool IsPagingFileMemory(const SectionInformation& information) {
  return (information.attributes & (kFileBacked | kImage | kReserved | kCommitted)) == kCommitted;
}

}  // namespace

Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created) {
  const std::uint64_t size = byte_length;
  // The paging file backs it and it has no name, so other processes get it only as a duplicated handle.
  OwnedDescriptor section = OwnHandle(
      ::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE | SEC_COMMIT,
                           static_cast<DWORD>(size >> kHighWordBits), static_cast<DWORD>(size), nullptr));
  if (!section.IsOpen()) return LastError("CreateFileMapping");
  *created = std::move(section);
  return {};
}

// A section is committed when it is made.
Status Preallocate(Descriptor, std::size_t) { return {}; }

bool IsMemory(Descriptor descriptor) {
  SectionInformation information{};
  return ReadSection(descriptor, &information) && IsPagingFileMemory(information);
}

// Such a section never changes its size, so it needs no seal.
Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length) {
  SectionInformation information{};
  if (!ReadSection(descriptor, &information) || !IsPagingFileMemory(information))
    return {kErrorUnsealed, "NtQuerySection"};
  SYSTEM_INFO system;
  ::GetSystemInfo(&system);
  const std::uint64_t page = system.dwPageSize;
  const std::uint64_t rounded = (byte_length + page - 1) / page * page;
  *actual_length = static_cast<std::uint64_t>(information.size.QuadPart);
  // The system may report the size in whole pages.
  if (*actual_length == rounded) *actual_length = byte_length;
  if (*actual_length != byte_length) return {kErrorSizeMismatch, "NtQuerySection"};
  return {};
}

Status Mapping::Map(Descriptor descriptor, std::size_t byte_length) {
  void* data = ::MapViewOfFile(ToHandle(descriptor), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, byte_length);
  if (data == nullptr) return LastError("MapViewOfFile");
  data_ = data;
  byte_length_ = byte_length;
  return {};
}

// Windows can't replace a view by private memory in one step, so the view stays.
void Mapping::Withdraw() {}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  ::UnmapViewOfFile(data_);
  data_ = nullptr;
  byte_length_ = 0;
}

}  // namespace entropynet
