// Fuzzes the client's check of a descriptor that a server passed. The input chooses the kind of the object,
// its size, its seals and the size in the handshake. The client may map only objects with a permanent size,
// and this touches all of their bytes.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../platform/descriptor.h"
#include "../platform/mapping.h"
#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace entropynet;
  if (size < 8) return 0;
  std::uint32_t real_size;
  std::memcpy(&real_size, data + 4, sizeof real_size);
  real_size %= 1 << 20;
  const std::uint64_t claimed = (data[2] & 1) != 0 ? real_size : real_size + data[3];
  OwnedDescriptor object;
  switch (data[0] % 5) {
    case 0:
      object.Reset(::open("/dev/zero", O_RDWR | O_CLOEXEC));
      break;
    case 1: {
      int pipes[2];
      CHECK(::pipe2(pipes, O_CLOEXEC) == 0);
      object.Reset(pipes[0]);
      CHECK(CloseDescriptor(pipes[1]).Ok());
      break;
    }
    default:
      object.Reset(
          ::memfd_create("entropynet-fuzz", MFD_CLOEXEC | ((data[0] & 0x80) != 0 ? 0u : MFD_ALLOW_SEALING)));
      CHECK(object.IsOpen() && ::ftruncate(object.Get(), real_size) == 0);
      static_cast<void>(::fcntl(object.Get(), F_ADD_SEALS, data[1] & 0x1f));
  }
  std::uint64_t actual = 0;
  const Status status = CheckSharedMemory(object.Get(), static_cast<std::size_t>(claimed), &actual);
  if (!status.Ok()) return 0;
  CHECK(actual == claimed && claimed == real_size);
  CHECK(::ftruncate(object.Get(), real_size + 1) != 0);
  CHECK(real_size == 0 || ::ftruncate(object.Get(), 0) != 0);
  Mapping mapping;
  if (!mapping.Map(object.Get(), static_cast<std::size_t>(claimed)).Ok()) return 0;
  volatile std::uint8_t sum = 0;
  for (std::size_t index = 0; index < mapping.ByteLength(); index += 512) {
    sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t*>(mapping.Data())[index]);
  }
  return 0;
}
