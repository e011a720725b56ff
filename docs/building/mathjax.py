"""Bring MathJax to the site: one file with its fonts inside, which asks no network for anything."""

import importlib.util
import shutil
from pathlib import Path

# Its name is no identifier: it is found, and never imported.
PACKAGE = "sphinx-mathjax-offline"
FILE = "tex-svg.js"


def bring_mathjax(target: Path) -> None:
    """Copy MathJax from the package that ships it to a folder.

    Raises
    ------
    SystemExit
        The package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f'{PACKAGE} is not installed: pip install ".[docs]"')
    source = Path(found.submodule_search_locations[0]) / "static" / "mathjax" / FILE
    target.mkdir(parents=True, exist_ok=True)
    if not (target / FILE).exists():
        shutil.copyfile(source, target / FILE)
