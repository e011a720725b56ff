"""Model files by hand, from docs/format.md alone: what tests of the format write and read with.

Nothing here imports the package. A reader in another language would look like `read`.
"""

import hashlib
import json
import math
import struct

MAGIC = b"\x89FBP\r\n\x1a\n"
PRELUDE = 24
HASH = 32
ITEMS = {"float32": ("f", 4), "float64": ("d", 8)}


def padded(length):
    """Return the next multiple of 64."""
    return -(-length // 64) * 64


def sealed(body):
    """Return bytes with their hash behind them."""
    return body + hashlib.sha256(body).digest()


def text_of(header):
    """Return a header as the package writes it."""
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()


def packed(header, tensors, version=1, length=None, header_length=None):
    """Return a file of a header (a text, or what JSON is made of) and the bytes of its arrays.

    What the prelude says is right where nothing else is given.
    """
    text = header if isinstance(header, bytes) else text_of(header)
    body = bytearray(PRELUDE) + text
    for tensor in tensors:
        body += bytes(padded(len(body)) - len(body)) + tensor
    body += bytes(padded(len(body)) - len(body))
    whole = len(body) + HASH if length is None else length
    said = len(text) if header_length is None else header_length
    struct.pack_into("<8sIIQ", body, 0, MAGIC, version, said, whole)
    return sealed(bytes(body))


def numbers(dtype, values):
    """Return the bytes of an array."""
    return struct.pack(f"<{len(values)}{ITEMS[dtype][0]}", *values)


def read(data):
    """Return (header, {name: bytes of the array}) of a file; assert all that the format says.

    A file with preprocessing is of version 2 and says more in its header.
    """
    magic, version, header_length, length = struct.unpack_from("<8sIIQ", data)
    assert magic == MAGIC
    assert version in (1, 2)
    assert length == len(data)
    assert hashlib.sha256(data[:-HASH]).digest() == data[-HASH:]
    place = PRELUDE + header_length
    header = json.loads(data[PRELUDE:place].decode())
    parts = ["network", "metadata", "training", "tensors", *["preprocessing"] * (version - 1)]
    assert list(header) == parts
    arrays = {}
    for tensor in header["tensors"]:
        start = padded(place)
        assert not any(data[place:start])
        place = start + math.prod(tensor["shape"]) * ITEMS[tensor["dtype"]][1]
        arrays[tensor["name"]] = data[start:place]
    assert not any(data[place : padded(place)])
    assert padded(place) + HASH == length
    return header, arrays
