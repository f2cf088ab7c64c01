#ifndef ENTROPYNET_WINDOWS_ERRORS_H_
#define ENTROPYNET_WINDOWS_ERRORS_H_

namespace entropynet {

/*
 * Returns the code of libuv, a negative number, for an error of Windows; UV_UNKNOWN if none fits. libuv has
 * such a function, but a program without libuv loads the addon, too, and does not have it.
 */
int LibuvCodeOf(int error);

}  // namespace entropynet

#endif  // ENTROPYNET_WINDOWS_ERRORS_H_
