"""
Reads frames of a video from a program in Node.js and answers each with its mean brightness:

    python3 read_frames.py DIRECTORY

A frame is one message: width, height and number as 32 bits each, 4 bytes that mean nothing, then red, green and blue of
each pixel as one byte each.
"""

from __future__ import annotations

import struct
import sys

import entropynet

try:
    import numpy as np
except ImportError:
    np = None

HEADER = struct.Struct("=III4x")
MIB = 1024 * 1024


def brightness_of(view: memoryview) -> float:
    """The mean of all bytes of a frame, which lies in the memory that both processes share: nothing is copied."""
    width, height, _number = HEADER.unpack_from(view)
    if len(view) != HEADER.size + width * height * 3:
        raise ValueError(f"a frame of {width} x {height} pixels has another size than {len(view)} bytes")
    if np is None:
        return sum(view[HEADER.size :]) / (width * height * 3)
    pixels = np.frombuffer(view, dtype=np.uint8, offset=HEADER.size).reshape(height, width, 3)
    return float(pixels.mean())


def main() -> None:
    if np is None:
        print("NumPy is not installed, so that Python adds up the bytes itself.", file=sys.stderr)
    with entropynet.connect("camera", directory=sys.argv[1], region_size=64 * MIB, channel_window=16 * MIB) as camera:
        # With `borrow` the callback sees the frame in place until it returns.
        camera.on_message(lambda view: camera.try_send(struct.pack("=d", brightness_of(view))), borrow=True)
        try:
            while camera.poll():
                camera.wait()
        except entropynet.ClosedError:
            # The camera said goodbye.
            pass
        print("Python" if np is None else f"NumPy {np.__version__}")


main()
