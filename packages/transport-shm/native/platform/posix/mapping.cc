#include "../mapping.h"

#include <cerrno>

#include <sys/mman.h>

namespace entropynet {

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
  static_cast<void>(::mmap(data_, byte_length_, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANON | MAP_NORESERVE | MAP_FIXED, -1, 0));
}

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  ::munmap(data_, byte_length_);
  data_ = nullptr;
  byte_length_ = 0;
}

}  // namespace entropynet
