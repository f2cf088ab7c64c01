#include "../mapping.h"

#include <cerrno>

#include <sys/mman.h>

namespace entropynet {
namespace {

constexpr int kPrivate = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE;

#ifdef __linux__
// MAP_FIXED_NOREPLACE, which the headers of the oldest build system lack.
constexpr int kNoReplace = 0x100000;
#endif

}  // namespace

Status Mapping::Map(Descriptor descriptor, std::size_t byte_length) {
  void* data = ::mmap(nullptr, byte_length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (data == MAP_FAILED) return {errno, "mmap"};
  data_ = data;
  byte_length_ = byte_length;
  return {};
}

void Mapping::Withdraw() {
  if (data_ == nullptr) return;
  // One call of the kernel, so that no other mapping can take the addresses in between. It costs no memory
  // until a write.
  if (::mmap(data_, byte_length_, PROT_READ | PROT_WRITE, kPrivate | MAP_FIXED, -1, 0) != MAP_FAILED) return;
#ifdef __linux__
  // With vm.overcommit_memory=2 there may be no memory for it, and Linux before 6.12 has unmapped the
  // addresses by then. They stay reserved: Unmap would take them from a mapping that got them meanwhile.
  void* const reserved = ::mmap(data_, byte_length_, PROT_NONE, kPrivate | kNoReplace, -1, 0);
  // Linux before 4.17 may choose other addresses.
  if (reserved != MAP_FAILED && reserved != data_) ::munmap(reserved, byte_length_);
#endif
}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  ::munmap(data_, byte_length_);
  data_ = nullptr;
  byte_length_ = 0;
}

}  // namespace entropynet
