"""Optional packages, imported when a function first needs them."""

from __future__ import annotations

import importlib
from typing import Any


def needed(user: str, module: str, extra: str, package: str | None = None) -> Any:
    """Return an optional package's module, or say how to install it.

    Parameters
    ----------
    user : str
        What needs it, as messages call it.
    module : str
        What is imported.
    extra : str
        The extra of fastbp that installs it.
    package : str, optional
        Its name where that is not the module's.

    Raises
    ------
    ImportError
        It is not installed.

    Examples
    --------
    >>> needed("this example", "json", "none").loads("[1]")
    [1]
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{user} needs {package or module}; install it with: pip install "fastbp[{extra}]"'
        ) from error
