#ifndef ENTROPYNET_LIBUV_H_
#define ENTROPYNET_LIBUV_H_

#include <uv.h>

/*
 * In a runtime without libuv, the loader leaves these null instead of refusing the addon. A runtime may also
 * define them and abort in them, so ask HasLibuv before any use.
 */
#ifndef _WIN32
#pragma weak uv_async_init
#pragma weak uv_async_send
#pragma weak uv_close
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_ref
#pragma weak uv_unref
#endif

#endif  // ENTROPYNET_LIBUV_H_
