"""The site of the documentation: its links, its pages of the API, what its pages would load."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import fastbp as fb

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLACES = {
    "docs/guide/save.md": "guide/save.md",
    "docs/format.md": "format.md",
    "CONTRIBUTING.md": "contributing.md",
}


@pytest.fixture
def building(monkeypatch):
    """Return the modules that make the site, which are not installed."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield lambda name: importlib.import_module(f"building.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "building"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("source", "written", "wanted"),
    [
        ("docs/guide/save.md", "[bytes](../format.md)", "[bytes](../format.md)"),
        ("docs/format.md", "[it](guide/save.md#go-on)", "[it](guide/save.md#go-on)"),
        ("docs/format.md", "[rules](../CONTRIBUTING.md)", "[rules](contributing.md)"),
        ("CONTRIBUTING.md", "[bytes](docs/format.md)", "[bytes](format.md)"),
        ("CONTRIBUTING.md", "[why](docs/decisions/)", "[why](decisions/index.md)"),
        ("docs/format.md", "[rules](../pyproject.toml)", "rules (`pyproject.toml`)"),
        ("CONTRIBUTING.md", "[setup.py](setup.py)", "`setup.py`"),
        ("docs/format.md", "[gone](no_such_page.md)", "[gone](no_such_page.md)"),
        ("docs/format.md", "[far](https://example.org/a)", "[far](https://example.org/a)"),
        ("docs/format.md", "[below](#bytes)", "[below](#bytes)"),
        (
            "CONTRIBUTING.md",
            "```\n[bytes](docs/format.md)\n```\n",
            "```\n[bytes](docs/format.md)\n```\n",
        ),
    ],
)
def test_links_of_the_repository_hold_on_the_site(building, source, written, wanted):
    assert building("pages").linked(written, source, PLACES) == wanted


def test_every_link_of_a_page_leads_somewhere(building):
    pages = building("pages")
    for source in pages.places():
        path = DOCS.parent / source
        text = pages.FENCE.sub("", path.read_text(encoding="utf-8"))
        for _, target, _ in pages.LINK.findall(text):
            assert (path.parent / target).exists(), f"{source} links to {target}"


def test_pages_that_have_gone_leave_the_site(building, tmp_path):
    pages = building("pages")
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "old.md").write_text("# Old\n")
    pages.bring_pages(tmp_path)
    assert not (tmp_path / "guide" / "old.md").exists()
    assert (tmp_path / "contributing.md").exists()


@pytest.fixture
def reference(building, tmp_path):
    """Return the pages of the API by their names."""
    pytest.importorskip("sklearn")
    building("reference").write_reference(tmp_path)
    return {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.rst")}


def test_every_public_name_has_its_place(building, reference):
    names = building("reference")
    for name in fb.__all__:
        if inspect.ismodule(getattr(fb, name)):
            assert f"fastbp.{name}" in names.namespaces()
        else:
            assert re.search(rf"^\.\. auto\w+:: fastbp\.{name}$", reference[f"fastbp.{name}"], re.M)
            assert reference["index"].count(f"   {name} <fastbp.{name}>\n") == 1
    for module in names.namespaces():
        for name in names.public_names(importlib.import_module(module)):
            listed = rf"^\.\. auto\w+:: {re.escape(module)}\.{name}$"
            is_module = inspect.ismodule(getattr(importlib.import_module(module), name))
            assert is_module or re.search(listed, reference[module], re.M), f"{module}.{name}"
        assert f"   {module}\n" in reference["index"]


def test_every_folder_of_the_package_is_documented_or_named_as_inner(building):
    names = building("reference")
    folders = {info.name for info in pkgutil.iter_modules(fb.__path__) if info.ispkg}
    documented = {name.split(".")[1] for name in names.PUBLIC}
    assert folders <= documented | set(names.INNER)


def test_a_class_shows_the_methods_that_have_an_example_and_no_others(reference):
    hidden = re.search(r":exclude-members: (.*)", reference["fastbp.Network"]).group(1).split(", ")
    assert {"outputs", "file_contents", "validation_loss"} <= set(hidden)
    assert not {"fit", "predict", "save", "gradient"} & set(hidden)


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://elsewhere.org/a.js"></script>',
        '<script src="//elsewhere.org/a.js"></script>',
        '<link rel="stylesheet" href="http://elsewhere.org/a.css">',
        '<link rel="preconnect" href="https://elsewhere.org">',
        '<img src="https://elsewhere.org/a.png">',
        '<img srcset="a.png 1x, https://elsewhere.org/a.png 2x">',
        '<iframe src="https://elsewhere.org/"></iframe>',
        '<p style="background: url(https://elsewhere.org/a.png)"></p>',
        "<style>@import 'https://elsewhere.org/a.css';</style>",
        '<svg><image href="https://elsewhere.org/a.png"/></svg>',
    ],
)
def test_what_a_page_would_load_from_elsewhere_is_found(building, tmp_path, html):
    (tmp_path / "page.html").write_text(html)
    found = building("external").loaded_from_elsewhere(tmp_path)
    assert [(page, "elsewhere.org" in address) for page, address in found] == [("page.html", True)]


def test_what_a_page_loads_from_its_own_site_is_no_finding(building, tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://elsewhere.org/">click</a><img src="a.png"><script src="a.js"></script>'
        '<link rel="canonical" href="https://elsewhere.org/"><svg xmlns="http://www.w3.org/2000/svg"/>'
        '<img src="data:image/svg+xml;utf8,<svg xmlns=%22http://www.w3.org/2000/svg%22/>">'
    )
    (tmp_path / "a.css").write_text("a { background: url('a.png') }")
    assert building("external").loaded_from_elsewhere(tmp_path) == []


def test_a_style_that_loads_a_font_from_elsewhere_is_found(building, tmp_path):
    (tmp_path / "a.css").write_text("@font-face { src: url('https://elsewhere.org/a.woff2') }")
    found = building("external").loaded_from_elsewhere(tmp_path)
    assert found == [("a.css", "https://elsewhere.org/a.woff2")]


def test_figures_are_drawn_from_the_committed_results(building):
    pytest.importorskip("matplotlib")
    timings = building("timings")
    results = {
        "workloads": {
            "W1": {
                "description": "1-1-1 sigmoid, batch 1",
                "threads": {
                    "1": {
                        "fast": {"fastbp": {"median": 2.0}, "torch": {"median": 5.0}, "jax": {}},
                        "ordinary": {"torch": {"median": 3.0}},
                    }
                },
            }
        }
    }
    labels, found = timings.ratios(results, "1")
    assert labels == ["W1  1-1-1 sigmoid"]
    assert found == {"jax": [None], "torch": [1.5]}


def files_named(text):
    """Return the files that a cell of a table names, a name without folder being in the last."""
    found, folder = [], DOCS.parent
    for name, test in re.findall(r"`([\w/]+(?:\.\w+|/))(?:::(\w+))?`", text):
        path = DOCS.parent / name if "/" in name else folder / name
        folder = path if path.is_dir() else path.parent
        assert path.exists(), f"docs/adding.md names {path}"
        found += sorted(path.glob("*.*")) if path.is_dir() else [path]
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8")
    return found


def test_the_page_on_adding_names_files_and_places_that_are_there():
    toys = ("isru", "quartic", "signsgd")
    files = []
    for line in (DOCS / "adding.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or line.startswith(("| ---", "| place")):
            continue
        place, what, missed = (cell.strip() for cell in line.strip("|").split(" | "))
        files = files_named(place) or files
        files_named(missed)
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        for name in re.findall(r"`(\w+)`", what):
            if not name.lower().startswith(toys) and name != "loss_quartic":
                assert name in text, f"{name} is not in {[path.name for path in files]}"
