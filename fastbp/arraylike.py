"""Objects of other packages that hold numbers and are no arrays: told by what they offer.

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
