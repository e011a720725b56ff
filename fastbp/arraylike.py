"""Arrays of what holds numbers and is no array: objects of other packages, told by what they offer.

Nothing is imported for it. Tables have a module of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

# Devices of DLPack whose memory the CPU reads: its own, and what CUDA or ROCm pinned of it.
CPU_DEVICES = (1, 3, 11)
ARRAY_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__")


def is_sparse(value: object) -> bool:
    """Return whether a value is a sparse matrix or array, as scipy and its like have them."""
    return all(hasattr(value, name) for name in ("toarray", "tocsr", "nnz"))


def offers_only_dlpack(value: object) -> bool:
    """Return whether DLPack is the one way to a value's numbers."""
    if not (hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__")):
        return False
    return not any(hasattr(value, name) for name in ARRAY_PROTOCOLS)


def dlpack_device(value: Any) -> tuple[int, int]:
    """Return (kind of device, number) of an object with DLPack."""
    kind, number = value.__dlpack_device__()
    return int(kind), int(number)


def first_masked(value: Any) -> tuple[int, ...] | None:
    """Return the place of the first masked number of a masked array, or of a list of some."""
    if isinstance(value, (list, tuple)):
        for row, part in enumerate(value):
            if isinstance(part, np.ma.MaskedArray) and (place := first_masked(part)) is not None:
                return (row, *place)
        return None
    mask = np.ma.getmask(value)
    if mask is np.ma.nomask or mask.dtype != np.bool_ or not mask.any():
        return None
    return tuple(int(index) for index in np.unravel_index(int(mask.argmax()), mask.shape))


def plain_array(name: str, value: Any) -> Array:
    """Return the value as an array of any dtype."""
    if is_sparse(value):
        raise TypeError(
            f"{name} must be dense, got a sparse {type(value).__name__} of shape {value.shape}; "
            "give its toarray()"
        )
    try:
        if offers_only_dlpack(value):
            device = dlpack_device(value)
            if device[0] not in CPU_DEVICES:
                raise TypeError(
                    f"its device is {device[0]} of DLPack and not the CPU, whose memory is read"
                )
            return np.from_dlpack(value)
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        if hasattr(value, "__dlpack__"):
            raise TypeError(f"{name} must give its numbers by DLPack: {error}") from None
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    except (BufferError, RuntimeError) as error:
        kind = type(value).__name__
        raise TypeError(f"{name} must give its numbers as an array, got {kind}: {error}") from error


def refuse_masked(name: str, value: object) -> None:
    """Refuse masked entries, which an array without a mask would count as numbers."""
    if not isinstance(value, (np.ma.MaskedArray, list, tuple)):
        return
    place = first_masked(value)
    if place is not None:
        words = ("row", "column", *(["index"] * len(place)))
        came = ", ".join(f"{word} {index}" for word, index in zip(words, place, strict=False))
        raise ValueError(
            f"{name} must have no masked entries, got one in {came or 'a single number'}; fill "
            "them, or leave their rows out"
        )
