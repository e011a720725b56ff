"""Write the pages of the API from the public names, so that a new name has its place by itself."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import fastbp as fb
from building.pages import write_changed
from fastbp import optimizers, preprocessing

NOTE = ".. This page is made by docs/building/reference.py from the public names.\n"

# What a class of fastbp's own namespace is, by its parents; the first that fits.
GROUPS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("Optimizers", (optimizers.Optimizer,)),
    ("Learning-rate schedules", (fb.Schedule,)),
    ("Callbacks", (fb.Callback, fb.Training)),
    ("Preprocessing", (preprocessing.Columns, preprocessing.OneHot, preprocessing.Standardize)),
    ("Networks and training", (object,)),
)
ORDER = (
    "Networks and training", "Functions", "Optimizers", "Learning-rate schedules", "Callbacks",
    "Preprocessing",
)  # fmt: skip
# Modules with names of their own, beside those in fastbp.integrations.
PUBLIC = (
    *("fastbp.kernels", "fastbp.reference", "fastbp.reference.kernels"),
    *("fastbp.plot", "fastbp.explain", "fastbp.health", "fastbp.gradient_check"),
    *("fastbp.datasets", "fastbp.sklearn"),
)
# Folders whose names stand in fastbp itself, or are not for users.
INNER = ("cli", "custom", "integrations", "optimizers", "preprocessing", "schedules")
# What modules of fastbp.integrations share.
SHARED = ("assembly", "packages")
# Parents of optional packages, whose members are theirs to document.
FOREIGN = "object, ValueError, BaseEstimator, ClassifierMixin, RegressorMixin"


def heading(text: str, line: str) -> str:
    """Return a heading."""
    return f"\n{text}\n{line * len(text)}\n"


def group_of(thing: Any) -> str:
    """Return the group that a class or function belongs to."""
    if not inspect.isclass(thing):
        return "Functions"
    return next(title for title, kinds in GROUPS if issubclass(thing, kinds))


def has_example(thing: Any) -> bool:
    """Return whether a docstring has an example, as those of all that users call have."""
    return "Examples\n--------" in (inspect.getdoc(thing) or "")


def hidden_members(module: str, kind: type) -> list[str]:
    """Return the methods of a class that are not for users of fastbp to read.

    Those are methods by which the package's parts talk to one another and, of estimators, those
    that scikit-learn has made and documents.
    """
    found = inspect.getmembers(kind, inspect.isroutine)
    public = [(name, method) for name, method in found if not name.startswith("_")]
    if module == "fastbp.sklearn":
        return sorted(n for n, method in public if method.__module__.startswith("sklearn."))
    return sorted(name for name, method in public if not has_example(method))


def class_directive(module: str, name: str, kind: type) -> str:
    """Return the directive that documents a class with its methods for users."""
    lines = [f".. autoclass:: {module}.{name}", "   :members:", f"   :inherited-members: {FOREIGN}"]
    hidden = hidden_members(module, kind)
    if hidden:
        lines.append(f"   :exclude-members: {', '.join(hidden)}")
    return "\n".join(lines) + "\n"


def directive(module: str, name: str, thing: Any) -> str:
    """Return the directive that documents a public thing."""
    if inspect.isclass(thing):
        return class_directive(module, name, thing)
    kind = "autofunction" if callable(thing) else "autodata"
    return f".. {kind}:: {module}.{name}\n"


def summary(names: Iterable[str]) -> str:
    """Return a table of names, each with its first line."""
    lines = "\n".join(f"   {name}" for name in names)
    return f"\n.. autosummary::\n   :nosignatures:\n\n{lines}\n"


def first_line(module: ModuleType) -> str:
    """Return the first line of a module's docstring."""
    return (inspect.getdoc(module) or "").partition("\n")[0]


def public_names(module: ModuleType) -> list[str]:
    """Return the names of a module that are for users and have no place in fastbp itself.

    Those are what `__all__` lists, less functions without an example; or, of a module that lists
    nothing, what it defines with an example.
    """
    listed = getattr(module, "__all__", None)
    names = vars(module) if listed is None else listed
    things = {name: getattr(module, name) for name in names}
    if listed is None:
        things = {
            name: thing
            for name, thing in things.items()
            if getattr(thing, "__module__", None) == module.__name__ and has_example(thing)
        }
    at_the_top = {name: getattr(fb, name) for name in fb.__all__}
    return [
        name
        for name, thing in things.items()
        if at_the_top.get(name) is not thing
        and (has_example(thing) or not inspect.isfunction(thing))
    ]


def module_page(name: str) -> str:
    """Return the page of a module: its docstring, a table of its names, and each of them."""
    module = importlib.import_module(name)
    things = {n: getattr(module, n) for n in public_names(module)}
    shown = {n: thing for n, thing in things.items() if not inspect.ismodule(thing)}
    parts = [NOTE, heading(name, "="), f"\n.. automodule:: {name}\n   :no-members:\n"]
    if shown:
        parts += [heading("Names", "-"), summary(shown)]
        parts += ["\n" + directive(name, n, thing) for n, thing in shown.items()]
    return "".join(parts)


def name_page(name: str) -> str:
    """Return the page of one name of fastbp's own namespace."""
    full = f"fastbp.{name}"
    return f"{NOTE}{heading(full, '=')}\n{directive('fastbp', name, getattr(fb, name))}"


def submodules(package: str) -> list[str]:
    """Return the names of the public modules of a package."""
    folder = importlib.import_module(package)
    return sorted(
        f"{package}.{info.name}"
        for info in pkgutil.iter_modules(folder.__path__)
        if not info.name.startswith("_")
    )


def namespaces() -> list[str]:
    """Return the modules that have a page each, in the order of the table of contents."""
    exchange = submodules("fastbp.integrations")
    return [*PUBLIC, *(name for name in exchange if name.rpartition(".")[2] not in SHARED)]


def index_page(names: Iterable[str], modules: Iterable[str]) -> str:
    """Return the page that lists every group and module."""
    groups: dict[str, list[str]] = {title: [] for title in ORDER}
    for name in names:
        groups[group_of(getattr(fb, name))].append(name)
    parts = [NOTE, heading("API reference", "=")]
    parts.append("\n.. currentmodule:: fastbp\n")
    parts.append("\nMade from the docstrings. ``import fastbp as fb`` gives the names below.\n")
    for title, members in groups.items():
        entries = "\n".join(f"   {name} <fastbp.{name}>" for name in members)
        parts += [heading(title, "-"), summary(members)]
        parts.append(f"\n.. toctree::\n   :hidden:\n\n{entries}\n")
    parts += [heading("Modules", "-"), "\n.. list-table::\n   :widths: 40 60\n\n"]
    for name in modules:
        parts.append(f"   * - :doc:`{name}`\n     - {first_line(importlib.import_module(name))}\n")
    entries = "\n".join(f"   {name}" for name in modules)
    parts.append(f"\n.. toctree::\n   :hidden:\n\n{entries}\n")
    return "".join(parts)


def write_reference(target: Path) -> None:
    """Write all pages of the API to a folder; pages of names that have gone are removed."""
    names = [name for name in fb.__all__ if not inspect.ismodule(getattr(fb, name))]
    modules = namespaces()
    pages = {f"fastbp.{name}": name_page(name) for name in names}
    pages |= {name: module_page(name) for name in modules}
    pages["index"] = index_page(names, modules)
    for name, text in pages.items():
        write_changed(target / f"{name}.rst", text)
    for old in target.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
