"""The header of a file: JSON that is read strictly, within limits, and written so that it can be.

docs/format.md says what stands in it. Everything here raises ValueError with a phrase that tells
what is wrong; files.py puts the file's name before it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp import checks

if TYPE_CHECKING:
    import json

MOST_BYTES = 1 << 20
MOST_DEPTH = 64
# Commas and opening brackets outside of strings.
MOST_VALUES = 32_768
MOST_LAYERS = 1024
MOST_TENSORS = 1024
MOST_LETTERS = 128
# Of the name of a column, and of a category.
MOST_COLUMN_LETTERS = 1024
MOST_BITS = 128

ITEM_BYTES = {"float32": 4, "float64": 8}

PARTS = ("network", "metadata", "training", "tensors")
# Of version 2.
PREPROCESSING = "preprocessing"
SIDES = ("inputs", "targets")
NETWORK = ("n_in", "layers", "loss", "dtype", "seed")
LAYER = (
    *("units", "activation", "bias", "dropout", "init", "norm", "residual", "trainable"),
    *("tied_to", "transposed"),
)
TENSOR = ("name", "dtype", "shape")

# Bytes to +1, -1 and 0 for brackets that open, that close, and commas; all others are left out.
MARKS = b"[]{},"
STEP_OF_BYTE = bytes({91: 1, 123: 1, 93: 255, 125: 255}.get(byte, 0) for byte in range(256))
NO_MARKS = bytes(byte for byte in range(256) if byte not in MARKS)


class Tensor(NamedTuple):
    """What the header says of an array, and its length in the file without padding."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


class Header(NamedTuple):
    """A header; `training` is None in a model, `preprocessing` in a file of version 1."""

    network: dict[str, Any]
    metadata: dict[str, Any]
    training: dict[str, Any] | None
    tensors: list[Tensor]
    preprocessing: dict[str, Any] | None = None


def mapping(what: str, value: object) -> dict[str, Any]:
    """Return an object of JSON."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object, got {checks.described(value)}")
    return value


def fields(what: str, value: object, names: Collection[str]) -> dict[str, Any]:
    """Return an object that has exactly these keys."""
    found = mapping(what, value)
    if len(found) != len(names) or not all(map(found.__contains__, names)):
        wanted = set(names)
        missing, unknown = (
            checks.shortened(", ".join(sorted(keys))) or "none"
            for keys in (wanted - found.keys(), found.keys() - wanted)
        )
        raise ValueError(
            f"{what} must have the keys {', '.join(names)}, got {missing} missing and {unknown} "
            "unknown"
        )
    return found


def name_text(what: str, value: object) -> str:
    """Return a text that is short enough for a name."""
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a string, got {checks.described(value)}")
    if not 0 < len(value) <= MOST_LETTERS:
        raise ValueError(f"{what} must have 1 to {MOST_LETTERS} letters, got {len(value)}")
    return value


def items(what: str, value: object, most: int) -> list[Any]:
    """Return a list that is not too long."""
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list, got {checks.described(value)}")
    if len(value) > most:
        raise ValueError(f"{what} must have at most {most} items, got {len(value)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its pairs; JSON itself lets a key come twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("JSON objects must have each key once")
    return found


def _integer(text: str) -> int:
    """Return a number without fraction and exponent."""
    # Below 39 digits it cannot be; int() takes time that grows with the square of the length.
    if len(text) < 39:
        return int(text)
    if len(text) > 40 or abs(int(text)) >> MOST_BITS:
        raise ValueError(f"JSON integers must lie within +-2**{MOST_BITS}, got {text[:40]}")
    return int(text)


def _float(text: str) -> float:
    """Return a number that is finite as a double."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"JSON numbers must be finite, got {checks.shortened(text)}")
    return found


def _constant(text: str) -> float:
    raise ValueError(f"JSON numbers must be finite, got {text}")


@functools.cache
def _decoder() -> json.JSONDecoder:
    """Return what reads JSON, made on first use: importing the package loads no json."""
    import json

    return json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_constant=_constant,
        parse_int=_integer,
        parse_float=_float,
    )


@functools.cache
def _encoder() -> json.JSONEncoder:
    """Return what writes JSON, the same text for the same value."""
    import json

    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_extent(raw: bytes, depth: int = MOST_DEPTH) -> None:
    """Refuse JSON that is too long, too deep or of too many values, before it is parsed.

    A parser that calls itself for each level would end the process where the text is deep enough.
    """
    if len(raw) > MOST_BYTES:
        raise ValueError(f"JSON must have at most {MOST_BYTES} bytes, got {len(raw)}")
    opening = raw.count(b"[") + raw.count(b"{")
    if opening <= depth and opening + raw.count(b",") <= MOST_VALUES:
        return
    bare = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    marks = b"".join(bare.split(b'"')[::2]).translate(None, NO_MARKS)
    steps = np.frombuffer(marks.translate(STEP_OF_BYTE), np.int8)
    values = len(steps) - int(np.count_nonzero(steps < 0))
    if values > MOST_VALUES:
        raise ValueError(f"JSON must have at most {MOST_VALUES} values, got {values}")
    deepest = int(np.cumsum(steps, dtype=np.int32).max(initial=0))
    if deepest > depth:
        raise ValueError(f"JSON must be nested at most {depth} deep, got {deepest}")


def parse(raw: bytes, depth: int = MOST_DEPTH) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        It is no JSON, or more than what RFC 8259 asks of all readers: a key comes twice, a number
        is not finite or too large, a string holds half a surrogate pair; or it is past a limit.
    """
    check_extent(raw, depth)
    text = raw.decode()
    value = _decoder().decode(text)
    if r"\u" in text:
        _encoder().encode(value).encode()
    return value


def decode(raw: bytes, version: int = 1) -> Header:
    """Return a header of which keys, limits and sizes are checked, or raise ValueError."""
    try:
        value = parse(raw)
    except ValueError as error:
        raise ValueError(f"its header cannot be read: {error}") from None
    parts = fields("header", value, PARTS if version == 1 else (*PARTS, PREPROCESSING))
    network = fields("network", parts["network"], NETWORK)
    name_text("loss", network["loss"])
    for layer in items("layers", network["layers"], MOST_LAYERS):
        fields("each of layers", layer, LAYER)
        for name in ("activation", "init"):
            name_text(name, layer[name])
        if layer["norm"] is not None:
            name_text("norm", layer["norm"])
    mapping("metadata", parts["metadata"])
    if parts["training"] is not None:
        mapping("training", parts["training"])
    tensors = [_tensor(item) for item in items("tensors", parts["tensors"], MOST_TENSORS)]
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError("tensors must have each name once")
    found = Header(network, parts["metadata"], parts["training"], tensors)
    if version == 1:
        return found
    return found._replace(preprocessing=_sides(parts[PREPROCESSING]))


def _sides(value: object) -> dict[str, Any]:
    """Return the preprocessing of a header: of inputs, of targets, or of both."""
    sides = fields(PREPROCESSING, value, SIDES)
    if sides["inputs"] is None and sides["targets"] is None:
        raise ValueError("preprocessing must be of inputs or targets in a file of version 2")
    for side in SIDES:
        if sides[side] is not None:
            name_text("kind", mapping(side, sides[side]).get("kind"))
    return sides


def _tensor(item: object) -> Tensor:
    """Return one entry of the list of tensors."""
    found = fields("each of tensors", item, TENSOR)
    name, dtype, shape = found["name"], found["dtype"], found["shape"]
    name_text("name of a tensor", name)
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise ValueError(
            f"dtype of tensor {name!r} must be one of {', '.join(ITEM_BYTES)}, got "
            f"{checks.described(dtype)}"
        )
    for extent in items("shape of a tensor", shape, 2):
        if type(extent) is not int or not 0 <= extent < 2**63:
            raise ValueError(
                f"shape of tensor {name!r} must hold integers from 0 to 2**63 - 1, got "
                f"{checks.described(extent)}"
            )
    return Tensor(name, dtype, tuple(shape), ITEM_BYTES[dtype] * math.prod(shape))


def encode(header: Header) -> bytes:
    """Return the text of a header, which `decode` takes.

    Raises
    ------
    ValueError
        A part holds what JSON has no value for, or is past a limit; the message names it.
    """
    listed = [dict(zip(TENSOR, tensor, strict=False)) for tensor in header.tensors]
    values: dict[str, object] = {**header._asdict(), "tensors": listed}
    if header.preprocessing is None:
        del values[PREPROCESSING]
    texts = {part: _part(part, value) for part, value in values.items()}
    raw = b"{%s}" % b",".join(b'"%s":%s' % (part.encode(), text) for part, text in texts.items())
    try:
        check_extent(raw)
    except ValueError as error:
        largest = max(texts, key=lambda part: len(texts[part]))
        raise ValueError(f"{largest} must leave the header within its limits: {error}") from None
    decode(raw, 1 if header.preprocessing is None else 2)
    return raw


def _part(name: str, value: object) -> bytes:
    """Return one part of a header as text that can be read again."""
    try:
        text = _encoder().encode(value).encode()
        parse(text, MOST_DEPTH - 1)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} must hold JSON values only: {error}") from None
    return text
