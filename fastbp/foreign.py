"""Which kind of file it is that is no fastbp model, told by its first and last bytes alone.

Nothing is opened, imported or unpacked to find out; what is told is a hint for who passed the
wrong file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# As PNG's: a byte that is no ASCII, the name, both line ends, and the end of a text on DOS.
MAGIC = b"\x89FBP\r\n\x1a\n"
# How much of each end of a file is looked at.
LOOKED_AT = 4096


class Kind(NamedTuple):
    """What a file is, and what to do with it; "" where there is nothing to say."""

    what: str
    advice: str = ""


PICKLE_ADVICE = "loading one runs whatever code it holds; save networks with net.save(path)"
TRANSFER = "transfer it again as binary, not as text"
UNPACK = "unpack it first"
EXPORT = "save the network's arrays with numpy and assign them to net.weights and net.biases"

DAMAGED_MAGIC = {
    b"\x89FBP\n\x1a\n": "line ends were changed",
    b"\x89FBP\r\n\x1a\r\n": "line ends were changed",
    b"\x89FBP\r\r\n\x1a\r\n": "line ends were changed",
    b"\x89FBP\r\n": "it ends at a Ctrl-Z",
    b"\tFBP\r\n\x1a\n": "the high bits of its bytes were dropped",
    b"\xef\xbf\xbdFBP": "it was read as UTF-8",
    b"\xc2\x89FBP": "it was written as UTF-8",
}

# First bytes of files that have some of their own.
BEGINNINGS = {
    b"version https://git-lfs.github.com/spec/": Kind(
        "a Git LFS pointer to a file that is elsewhere", "fetch it with git lfs pull"
    ),
    b"\x93NUMPY": Kind("a numpy .npy array", "read it with numpy.load and assign it to net.params"),
    b"\x89HDF\r\n\x1a\n": Kind("an HDF5 file, as Keras writes with .h5", EXPORT),
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19": Kind(
        "a pickle of torch.save (its old form)", PICKLE_ADVICE
    ),
    b"\x1f\x8b": Kind("compressed by gzip", UNPACK),
    b"\xfd7zXZ\x00": Kind("compressed by xz", UNPACK),
    b"BZh": Kind("compressed by bzip2", UNPACK),
    b"]\x00\x00": Kind("compressed by lzma", UNPACK),
    b"(\xb5/\xfd": Kind("compressed by zstd", UNPACK),
    b'\x04"M\x18': Kind("compressed by lz4", UNPACK),
    b"x\x01": Kind("compressed by zlib, as joblib.dump does", PICKLE_ADVICE),
    b"x^": Kind("compressed by zlib, as joblib.dump does", PICKLE_ADVICE),
    b"x\x9c": Kind("compressed by zlib, as joblib.dump does", PICKLE_ADVICE),
    b"x\xda": Kind("compressed by zlib, as joblib.dump does", PICKLE_ADVICE),
    b"ZF": Kind("a file of joblib.dump (its old form)", PICKLE_ADVICE),
    b"\x89PNG\r\n\x1a\n": Kind("a PNG picture"),
    b"\xff\xd8\xff": Kind("a JPEG picture"),
    b"GIF8": Kind("a GIF picture"),
    b"%PDF-": Kind("a PDF document"),
    b"GGUF": Kind("a GGUF file", EXPORT),
    b"PAR1": Kind("a Parquet table"),
    b"ARROW1": Kind("an Arrow table"),
    b"SQLite format 3\x00": Kind("an SQLite database"),
    b"MATLAB 5.0 MAT-file": Kind("a MATLAB .mat file", EXPORT),
    b"FANN_F": Kind("a network of FANN", EXPORT),
    b"\x7fELF": Kind("a program (ELF)"),
    b"MZ": Kind("a program (Windows)"),
}

# Names of members that tell whose archive a zip is.
ZIPS = {
    b"data.pkl": Kind("an archive of torch.save", EXPORT),
    b"constants.pkl": Kind("an archive of torch.jit.save", EXPORT),
    b"model.weights.h5": Kind("a .keras archive", EXPORT),
    b".npy": Kind(
        "a numpy .npz archive", "read it with numpy.load and assign its arrays to net.params"
    ),
}
ZIP = Kind("a zip archive", UNPACK)

# A field 1 with a small number, ONNX's version of ModelProto, and then a text or a graph.
ONNX = re.compile(rb"\x08[\x01-\x1f][\x12\x3a\x42]")

FRAMED_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Pickles of protocol 0 and 1 have no magic; these are the ways in which they begin.
OLD_PICKLES = re.compile(
    rb"""c[\w.]+\n[\w.]+\n              # a class
      | \(?[dlt][p0.]                   # an empty dict, list or tuple, protocol 0
      | \([c(IFLSVilKMJGXU]             # a mark before items
      | [\]})][q.(]                     # an empty list, dict or tuple, protocol 1
      | [IFLSVP][^\n]*\n[p0.]           # a number or text
      | (N|K.|M..|J....|G.{8})\.\Z      # none or a number in binary
      | X..\0\0 | T..\0\0 | U[\0-\x1f]  # a text
    """,
    re.VERBOSE | re.DOTALL,
)


def described(start: bytes, end: bytes) -> str:
    """Return what a file is, as the rest of a sentence that begins with its name.

    Parameters
    ----------
    start, end : bytes
        Its first and its last bytes, LOOKED_AT of each; the same bytes where it is shorter.
    """
    kind = _kind(start, end)
    return f"it is {kind.what}" + (f"; {kind.advice}" if kind.advice else "")


def _kind(start: bytes, end: bytes) -> Kind:
    """Return the kind of a file."""
    if not start:
        return Kind("empty")
    if MAGIC.startswith(start) or start.startswith(MAGIC):
        return Kind(f"cut off after {len(start)} bytes")
    for magic, damage in DAMAGED_MAGIC.items():
        if start.startswith(magic):
            return Kind(f"one that was damaged on its way: {damage}", TRANSFER)
    for magic, kind in BEGINNINGS.items():
        if start.startswith(magic):
            return kind
    return _archive(start, end) or _pickle(start, end) or _binary(start) or _text(start)


def _archive(start: bytes, end: bytes) -> Kind | None:
    """Return the kind of an archive."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = [kind for name, kind in ZIPS.items() if name in start or name in end]
        return found[0] if found else ZIP
    if start[257:262] == b"ustar":
        return Kind("a tar archive", UNPACK)
    return None


def _pickle(start: bytes, end: bytes) -> Kind | None:
    """Return the kind of a pickle; each ends with a full stop."""
    framed = start[:2] in FRAMED_PICKLES
    if not framed and not (end.endswith(b".") and OLD_PICKLES.match(start)):
        return None
    if b"joblib" in start:
        return Kind("a pickle of joblib.dump", PICKLE_ADVICE)
    if b"torch" in start:
        return Kind("a pickle of PyTorch", PICKLE_ADVICE)
    return Kind("a pickle", PICKLE_ADVICE)


def _binary(start: bytes) -> Kind | None:
    """Return the kind of a file that is known by more than a magic."""
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and 0 < length < 1 << 32:
        return Kind(
            "a safetensors file",
            "read it with load_safetensors of fastbp.integrations.safetensors",
        )
    if start[4:8] == b"TFL3":
        return Kind("a TensorFlow Lite model", EXPORT)
    if ONNX.match(start):
        return Kind("an ONNX model, or another protocol buffer", EXPORT)
    if not start.strip(b"\0"):
        return Kind("nothing but zeros", "it may have been lost when a disk failed")
    return None


def _text(start: bytes) -> Kind:
    """Return the kind of a text, or that the file's is unknown."""
    try:
        text = start.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        # A letter may be cut in two where the looking ends.
        if error.start < len(start) - 7:
            return Kind(f"of an unknown kind, beginning with {start[:8]!r}")
        text = start[: error.start].decode(errors="replace")
    if not all(letter.isprintable() or letter in "\t\r\n\f" for letter in text):
        return Kind(f"of an unknown kind, beginning with {start[:8]!r}")
    begin = text.lstrip()
    if begin[:1] in ("{", "["):
        return Kind("a JSON text")
    if begin[:9].lower() == "<!doctype" or begin[:5].lower() == "<html":
        return Kind("a web page", "the download may have met an error")
    if begin[:1] == "<":
        return Kind("an XML text")
    if re.match(r"[^\n]*[,;\t]\S[^\n]*\n", begin):
        return Kind("a table of text, such as CSV", "train on it with fastbp train")
    return Kind("a text")
