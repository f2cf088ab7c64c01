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

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  ::munmap(data_, byte_length_);
  data_ = nullptr;
  byte_length_ = 0;
}

}  // namespace entropynet
