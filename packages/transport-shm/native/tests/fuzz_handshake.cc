// Fuzzes the receiving side of a handshake's socket. The input is a script of messages with any number of
// descriptors, of reads of any size, and of ends. No input may cause a read outside the buffer or leave a
// descriptor open.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <dirent.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../platform/descriptor.h"
#include "../platform/local_socket.h"
#include "check.h"

namespace {

using namespace entropynet;

// Returns the number above the highest one in use. It grows if a descriptor stays open.
int NextDescriptor() {
  const int next = ::dup(0);
  CHECK(next >= 0 && ::close(next) == 0);
  return next;
}

void SendSome(int socket, const std::uint8_t* bytes, std::size_t size, std::size_t descriptors) {
  std::vector<int> passed(descriptors, 0);
  std::vector<unsigned char> control(CMSG_SPACE(sizeof(int) * (descriptors + 1)));
  iovec part{const_cast<std::uint8_t*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors);
    std::memcpy(CMSG_DATA(header), passed.data(), sizeof(int) * descriptors);
  }
  static_cast<void>(::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path = "/tmp/entropynet-fuzz-" + std::to_string(::getpid());
  static std::unique_ptr<LocalSocket> listening;
  if (listening == nullptr) {
    static_cast<void>(::unlink(path.c_str()));
    CHECK(LocalSocket::Listen(path, 4, &listening).Ok());
    std::atexit([] { static_cast<void>(::unlink(path.c_str())); });
  }
  const int before = NextDescriptor();
  {
    std::unique_ptr<LocalSocket> near;
    std::unique_ptr<LocalSocket> far;
    CHECK(LocalSocket::Connect(path, &near).Ok() && listening->Accept(&far).Ok());
    for (std::size_t at = 0; at + 3 <= size;) {
      const std::uint8_t step = data[at];
      const std::size_t length = data[at + 1];
      const std::size_t descriptors = data[at + 2];
      at += 3;
      const std::size_t available = size - at < length ? size - at : length;
      if (step % 4 <= 1 && near != nullptr) {
        if (available > 0) SendSome(near->Get(), data + at, available, step % 4 == 0 ? descriptors % 254 : 0);
        at += available;
      } else if (step % 4 == 2) {
        std::vector<std::uint8_t> into(length + 1);
        ReceivedBytes received;
        const Status status = far->Receive(into.data(), into.size(), &received);
        CHECK(!status.Ok() || received.bytes <= into.size());
      } else {
        bool ended = false;
        static_cast<void>(far->Discard(&ended));
        if (descriptors > 200) near.reset();
      }
    }
  }
  while (WaitingToClose() != 0) static_cast<void>(::sched_yield());
  CHECK(NextDescriptor() == before);
  return 0;
}
