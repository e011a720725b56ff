"""Files of other programs are refused by name, and nothing in them is run."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib

import modelfile
import numpy as np
import pytest

import fastbp as fb
from fastbp import foreign

TWO = np.zeros(2)


class Explosive:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def written(write, *arguments, **more):
    """Return the bytes of what a function writes into a file."""
    memory = io.BytesIO()
    write(memory, *arguments, **more)
    return memory.getvalue()


def zipped(**members):
    with zipfile.ZipFile(memory := io.BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return memory.getvalue()


def tarred():
    with tarfile.open(fileobj=(memory := io.BytesIO()), mode="w") as archive:
        archive.addfile(tarfile.TarInfo("member"))
    return memory.getvalue()


def joblib_file(**more):
    joblib = pytest.importorskip("joblib")
    return written(lambda file: joblib.dump([TWO, {"a": 1}], file, **more))


MODEL = modelfile.packed(
    {
        "network": {
            "n_in": 1,
            "layers": [],
            "loss": "mse",
            "dtype": "float32",
            "seed": 0,
        },
        "metadata": {},
        "training": None,
        "tensors": [],
    },
    [],
)
SAFETENSORS = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
TORCH_OLD = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
HDF5 = b"\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08\x00"
ONNX = b"\x08\x0a\x12\x07pytorch\x1a\x062.13.0:\x92\x10"

# Name: (bytes or what makes them, what is said).
FILES = {
    "empty": (b"", "empty$"),
    "fastbp cut off": (MODEL[:20], "cut off after 20 bytes"),
    "fastbp cut off in the magic": (MODEL[:3], "cut off after 3 bytes"),
    "line ends to LF": (MODEL.replace(b"\r\n", b"\n"), "line ends were changed; transfer it again"),
    "line ends to CRLF": (MODEL.replace(b"\n", b"\r\n"), "line ends were changed"),
    "seven bits": (bytes(byte & 127 for byte in MODEL), "high bits of its bytes were dropped"),
    "as UTF-8": (MODEL.decode(errors="replace").encode(), "read as UTF-8"),
    "as Latin-1": (MODEL.decode("latin-1").encode(), "written as UTF-8"),
    "up to Ctrl-Z": (MODEL.split(b"\x1a")[0], "cut off after 6 bytes"),
    "pickle": (pickle.dumps(Explosive()), "a pickle; loading one runs whatever code it holds"),
    "pickled network": (lambda: pickle.dumps(fb.mlp([1, 1])), r"net\.save\(path\)$"),
    "torch": (
        zipped(net__data__pkl="", net__data__0="").replace(b"data/pkl", b"data.pkl"),
        "torch",
    ),
    "torch jit": (zipped(m__constants_pkl="").replace(b"s_pkl", b"s.pkl"), r"torch\.jit\.save"),
    "torch old": (TORCH_OLD, r"torch\.save \(its old form\)"),
    "npy": (written(np.save, TWO), r"a numpy \.npy array; read it with numpy\.load"),
    "npy of objects": (
        written(np.save, np.array([Explosive()], object), allow_pickle=True),
        "a numpy .npy array",
    ),
    "npz": (written(np.savez, params=TWO), r"a numpy \.npz archive"),
    "npz compressed": (written(np.savez_compressed, params=TWO), r"a numpy \.npz archive"),
    "zip": (zipped(readme="text"), "a zip archive; unpack it first"),
    "zip without members": (zipped(), "a zip archive"),
    "keras": (
        zipped(metadata="{}", config="{}", model_weights_h5="").replace(
            b"model_weights_h5", b"model.weights.h5"
        ),
        r"a \.keras archive",
    ),
    "hdf5": (HDF5, "an HDF5 file, as Keras writes"),
    "safetensors": (
        struct.pack("<Q", len(SAFETENSORS)) + SAFETENSORS + bytes(4),
        "a safetensors file; read it with load_safetensors",
    ),
    "onnx": (ONNX, "an ONNX model"),
    "tflite": (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
    "gguf": (b"GGUF\x03\x00\x00\x00", "a GGUF file"),
    "joblib": (joblib_file, r"a pickle of joblib\.dump"),
    "joblib zlib": (lambda: joblib_file(compress=3), r"zlib, as joblib\.dump does"),
    "joblib gzip": (lambda: joblib_file(compress=("gzip", 3)), "gzip"),
    "gzip": (gzip.compress(MODEL), "compressed by gzip; unpack it first"),
    "xz": (lzma.compress(MODEL), "compressed by xz; unpack it first"),
    "lzma": (lzma.compress(MODEL, lzma.FORMAT_ALONE), "compressed by lzma"),
    "bz2": (bz2.compress(MODEL), "compressed by bzip2; unpack it first"),
    "zlib": (zlib.compress(MODEL), "compressed by zlib"),
    "zstd": (b"(\xb5/\xfd\x04\x00A\x00\x00", "compressed by zstd; unpack it first"),
    "tar": (tarred(), "a tar archive; unpack it first"),
    "csv": (b"a,b\n1,2\n", "a table of text, such as CSV; train on it with fastbp train"),
    "tsv": (b"a\tb\r\n1\t2\r\n", "a table of text"),
    "csv with a mark": ("\ufeffü;b\n1;2\n".encode(), "a table of text"),
    "json": (b' {"a": 1}', "a JSON text"),
    "web page": (b"<!DOCTYPE html>\n<title>404</title>", "a web page; the download may have met"),
    "xml": (b'<?xml version="1.0"?><PMML/>', "an XML text"),
    "text": (b"hello, this is no model\n", "a text$"),
    "long text": (("ü" * 5000).encode(), "a text$"),
    "text cut within a letter": (b"a" + ("ü" * 5000).encode(), "a text$"),
    "text that ends like a pickle": (b"I see. (It is not.) Note.", "a text$"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
        "a Git LFS pointer .* git lfs pull$",
    ),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG picture$"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document$"),
    "matlab": (b"MATLAB 5.0 MAT-file, Platform", r"a MATLAB \.mat file"),
    "fann": (b"FANN_FLO_2.1\nnum_layers=3\n", "a network of FANN"),
    "program": (b"\x7fELF\x02\x01\x01", "a program"),
    "zeros": (bytes(5000), "nothing but zeros; it may have been lost"),
    "unknown": (bytes(range(7, 250)), r"of an unknown kind, beginning with b'\\x07"),
    "one byte": (b"\x07", "of an unknown kind"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_refused_by_name(name, tmp_path):
    content, message = FILES[name]
    path = tmp_path / "model.fastbp"
    path.write_bytes(content() if callable(content) else content)
    with pytest.raises(fb.FileFormatError, match=rf"^model\.fastbp is not .*: it is .*{message}"):
        fb.load(path)
    with pytest.raises(fb.FileFormatError, match="it is"):
        fb.mlp([1, 1]).fit([[1.0]], [1.0], resume=path)


PICKLED = [
    *({}, {"a": 1}, [], [1, 2], (), (1,), (1, 2), (1, 2, 3, 4), 3, -3, 70_000, 2**70, 1.5),
    *("text", b"bytes", None, True, {1, 2}, Explosive(), Explosive, len, TWO, TWO[0]),
    *(range(3), 1j, bytearray(b"x"), [[[]]], {"x": {}}, fb.Adam()),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_known(protocol):
    for value in PICKLED:
        data = pickle.dumps(value, protocol)
        assert foreign.described(data, data).startswith("it is a pickle"), data


def test_telling_kinds_apart_never_fails():
    rng = np.random.default_rng(0)
    begins = [b"", foreign.MAGIC, *foreign.BEGINNINGS, *foreign.DAMAGED_MAGIC]
    begins += [b"PK\x03\x04", b"PK\x05\x06", b"\x08\x01", b"\x80\x02", b"{", b"(", b"\xef\xbb\xbf"]
    for begin in begins:
        for length in (0, 1, 2, 3, 7, 8, 9, 300, 5000):
            data = (begin + rng.integers(0, 256, length, np.uint8).tobytes())[:length]
            found = foreign.described(data[:4096], data[-4096:])
            assert found.startswith("it is ")
            assert found.isprintable()
            assert len(found) < 200
