#include <cstdint>

#include <napi.h>

#include "exports.h"
#include "region_layout.h"

namespace entropynet {
namespace {

struct Constant {
  const char* name;
  std::uint32_t value;
};

constexpr Constant kConstants[] = {
    {"magicOffset", kMagicOffset},
    {"layoutVersionOffset", kLayoutVersionOffset},
    {"regionBytesOffset", kRegionBytesOffset},
    {"ringCapacityOffset", kRingCapacityOffset},
    {"identityOffset", kIdentityOffset},
    {"identityBytes", kIdentityBytes},
    {"serverProcessIdOffset", kServerProcessIdOffset},
    {"clientProcessIdOffset", kClientProcessIdOffset},
    {"madeAtOffset", kMadeAtOffset},
    {"serverTailOffset", kServerTailOffset},
    {"serverHeadOffset", kServerHeadOffset},
    {"serverClosedOffset", kServerClosedOffset},
    {"serverLibraryOffset", kServerLibraryOffset},
    {"clientTailOffset", kClientTailOffset},
    {"clientHeadOffset", kClientHeadOffset},
    {"clientClosedOffset", kClientClosedOffset},
    {"clientLibraryOffset", kClientLibraryOffset},
    {"libraryBytes", kLibraryBytes},
    {"serverSleepOffset", kServerSleepOffset},
    {"serverWaitsForRoomOffset", kServerWaitsForRoomOffset},
    {"clientSleepOffset", kClientSleepOffset},
    {"clientWaitsForRoomOffset", kClientWaitsForRoomOffset},
    {"controlBlockBytes", kControlBlockBytes},
    {"magic", kMagic},
    {"layoutVersion", kLayoutVersion},
    {"awake", kAwake},
    {"sleepsOnDoorbell", kSleepsOnDoorbell},
    {"sleepsOnFutex", kSleepsOnFutex},
    {"frameHeaderBytes", kFrameHeaderBytes},
    {"frameAlignment", kFrameAlignment},
    {"paddingLength", kPaddingLength},
};

}  // namespace

void ExportLayout(Napi::Env env, Napi::Object exports) {
  Napi::Object layout = Napi::Object::New(env);
  for (const Constant& constant : kConstants) layout.Set(constant.name, static_cast<double>(constant.value));
  layout.Freeze();
  exports.Set("layout", layout);
}

}  // namespace entropynet
