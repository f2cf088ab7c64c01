#include "../access_list.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <tuple>

#include <sys/xattr.h>

namespace entropynet {
namespace {

// The attribute's value as the kernel defines it (linux/posix_acl_xattr.h): a version, then entries. It is
// little-endian, as all processors are on which this runs.
constexpr char kAttribute[] = "system.posix_acl_access";
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kNoId = 0xffffffffU;

enum Tag : std::uint16_t {
  kOwner = 0x01,
  kUser = 0x02,
  kOwningGroup = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOthers = 0x20,
};

struct Entry {
  std::uint16_t tag;
  std::uint16_t rights;
  std::uint32_t id;
};
static_assert(sizeof(Entry) == 8, "an entry has no padding");

Status ReadList(const std::string& path, std::uint32_t mode, std::vector<Entry>* entries) {
  // The longest value that the kernel allows.
  std::vector<std::uint8_t> value(64 * 1024);
  const ssize_t length = ::lgetxattr(path.c_str(), kAttribute, value.data(), value.size());
  if (length < 0 && errno != ENODATA) return {errno, "lgetxattr"};
  if (length < 0) {
    *entries = {{kOwner, static_cast<std::uint16_t>(mode >> 6 & 7), kNoId},
                {kOwningGroup, static_cast<std::uint16_t>(mode >> 3 & 7), kNoId},
                {kOthers, static_cast<std::uint16_t>(mode & 7), kNoId}};
    return {};
  }
  const auto size = static_cast<std::size_t>(length);
  std::uint32_t version = 0;
  if (size >= sizeof version) std::memcpy(&version, value.data(), sizeof version);
  if (version != kVersion || (size - sizeof version) % sizeof(Entry) != 0) return {EINVAL, "lgetxattr"};
  entries->resize((size - sizeof version) / sizeof(Entry));
  if (!entries->empty()) std::memcpy(entries->data(), value.data() + sizeof version, size - sizeof version);
  return {};
}

bool IsMasked(const Entry& entry) {
  return entry.tag == kUser || entry.tag == kOwningGroup || entry.tag == kGroup;
}

// When the mask grows, users and groups must not get rights that the old mask denied them.
void ApplyMask(std::vector<Entry>* entries) {
  const auto mask =
      std::find_if(entries->begin(), entries->end(), [](const Entry& entry) { return entry.tag == kMask; });
  if (mask == entries->end()) return;
  const std::uint16_t rights = mask->rights;
  entries->erase(mask);
  for (Entry& entry : *entries) {
    if (IsMasked(entry)) entry.rights = static_cast<std::uint16_t>(entry.rights & rights);
  }
}

void Add(Tag tag, std::uint32_t id, std::uint16_t rights, std::vector<Entry>* entries) {
  for (Entry& entry : *entries) {
    if (entry.tag != tag || entry.id != id) continue;
    entry.rights = static_cast<std::uint16_t>(entry.rights | rights);
    return;
  }
  entries->push_back({tag, rights, id});
}

}  // namespace

Status GrantAccess(const std::string& path, std::uint32_t mode, const std::vector<std::uint32_t>& users,
                   const std::vector<std::uint32_t>& groups, std::uint32_t rights) {
  std::vector<Entry> entries;
  if (const Status status = ReadList(path, mode, &entries); !status.Ok()) return status;
  ApplyMask(&entries);
  const auto granted = static_cast<std::uint16_t>(rights & 7);
  for (const std::uint32_t id : users) Add(kUser, id, granted, &entries);
  for (const std::uint32_t id : groups) Add(kGroup, id, granted, &entries);
  std::uint16_t mask = 0;
  for (const Entry& entry : entries) {
    if (IsMasked(entry)) mask = static_cast<std::uint16_t>(mask | entry.rights);
  }
  entries.push_back({kMask, mask, kNoId});
  std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
    return std::tie(left.tag, left.id) < std::tie(right.tag, right.id);
  });
  std::vector<std::uint8_t> value(sizeof kVersion + entries.size() * sizeof(Entry));
  std::memcpy(value.data(), &kVersion, sizeof kVersion);
  std::memcpy(value.data() + sizeof kVersion, entries.data(), entries.size() * sizeof(Entry));
  if (::lsetxattr(path.c_str(), kAttribute, value.data(), value.size(), 0) != 0) return {errno, "lsetxattr"};
  return {};
}

}  // namespace entropynet
