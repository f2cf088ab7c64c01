#include "../mapping.h"

#include "win32.h"

namespace entropynet {
namespace {

constexpr int kHighWordBits = 32;

}  // namespace

Status CreateSharedMemory(std::size_t byte_length, OwnedDescriptor* created) {
  const std::uint64_t size = byte_length;
  // Backed by the paging file and nameless: others get it as a duplicated handle only.
  const HANDLE section =
      ::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE | SEC_COMMIT,
                           static_cast<DWORD>(size >> kHighWordBits), static_cast<DWORD>(size), nullptr);
  if (section == nullptr) return LastError("CreateFileMapping");
  created->Reset(ToDescriptor(section));
  return {};
}

// A section is committed when it is made.
Status Preallocate(Descriptor, std::size_t) { return {}; }

// Handles are fetched from the peer only after they were found to be sections.
bool IsMemory(Descriptor) { return true; }

Status CheckSharedMemory(Descriptor descriptor, std::size_t byte_length, std::uint64_t* actual_length) {
  // A section never shrinks, so there is nothing to seal, and mapping all of it is how its size is found
  // without calls that are not documented. This view is gone again before the region is mapped. A section
  // that was reserved but not committed would fault on touch.
  void* view = ::MapViewOfFile(ToHandle(descriptor), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
  if (view == nullptr) return LastError("MapViewOfFile");
  MEMORY_BASIC_INFORMATION information{};
  const SIZE_T queried = ::VirtualQuery(view, &information, sizeof information);
  const Status query_status = LastError("VirtualQuery");
  ::UnmapViewOfFile(view);
  if (queried == 0) return query_status;
  if (information.State != MEM_COMMIT || information.Type != MEM_MAPPED)
    return {kErrorUnsealed, "VirtualQuery"};
  SYSTEM_INFO system;
  ::GetSystemInfo(&system);
  const std::uint64_t page = system.dwPageSize;
  // Views come in whole pages.
  const std::uint64_t rounded = (byte_length + page - 1) / page * page;
  *actual_length = information.RegionSize == rounded ? byte_length : information.RegionSize;
  if (*actual_length != byte_length) return {kErrorSizeMismatch, "VirtualQuery"};
  return {};
}

Status Mapping::Map(Descriptor descriptor, std::size_t byte_length) {
  void* data = ::MapViewOfFile(ToHandle(descriptor), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, byte_length);
  if (data == nullptr) return LastError("MapViewOfFile");
  data_ = data;
  byte_length_ = byte_length;
  return {};
}

// Windows can't put private memory in the place of a view in one step: the view stays.
void Mapping::Withdraw() {}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  ::UnmapViewOfFile(data_);
  data_ = nullptr;
  byte_length_ = 0;
}

}  // namespace entropynet
