"""Who may know what: the import directions, and what `import fastbp` may load."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp

PACKAGE = Path(fastbp.__file__).parent
SOURCES = Path(__file__).parents[2] / "src_pyx" / "fastbp"

# Modules without a .py file; their levels are loaded by name.
COMPILED = {"_callbacks", "_cpu", "_engine", "_kernels", "_orders", "_team", "_way"}

# Downwards only: a unit imports units of lower rank. Units of one rank do not know each other. The
# folders cli, custom, datasets, explain, integrations, kernels, optimizers, plot, preprocessing,
# schedules and sklearn each are one unit, free inside.
RANKS = {
    "__main__": 27,
    "cli": 26,
    "plot": 25,
    "sklearn": 25,
    "integrations": 24,
    "__init__": 23,
    "construction": 22,
    "config": 22,
    "gradient_check": 21,
    "network": 21,
    "learning": 20,
    "explain": 20,
    "stepping": 20,
    "fitting": 19,
    "training": 18,
    "passes": 17,
    "folding": 16,
    "prepared": 15,
    "parameters": 14,
    "health": 13,
    "recording": 12,
    "logs": 11,
    "callbacks": 10,
    "checkpoints": 10,
    "sides": 9,
    "metrics": 9,
    "rescue": 9,
    "sources": 8,
    "stopping": 8,
    "gradients": 6,
    "plan": 5,
    "rows": 5,
    "optimizers": 5,
    "orders": 5,
    "history": 5,
    "schedules": 5,
    "progress": 5,
    "initializers": 5,
    "files": 5,
    "preprocessing": 4,
    "carried": 4,
    "threads": 5,
    "kernels": 5,
    "spec": 4,
    "custom": 3,
    "memory": 3,
    "header": 3,
    "names": 3,
    "class_weights": 3,
    "checks": 2,
    "_compiled": 1,
    "arraylike": 1,
    "atomic": 1,
    "claims": 1,
    "foreign": 1,
    "maps": 1,
    "room": 1,
    "tables": 1,
    "_callbacks": 0,
    "_cpu": 0,
    "_engine": 0,
    "_kernels": 0,
    "_orders": 0,
    "_team": 0,
    "_way": 0,
    "datasets": 0,
    "version": 0,
}
ONLY = {
    "kernels": {"checks", "custom", "memory", "names", "spec", "_compiled"},
    "_compiled": COMPILED,
    "atomic": set(),
    "foreign": set(),
    "datasets": set(),
    "maps": set(),
    "tables": set(),
}

# Packages whose tables are taken, and never imported.
TABLES = ["pandas", "polars", "pyarrow"]

# What import fastbp must not load: the twin, the command line, and whatever is not a dependency.
NOT_LOADED = [
    "fastbp.reference",
    "fastbp.cli",
    "fastbp.datasets",
    "fastbp.explain",
    "fastbp.integrations",
    "fastbp.plot",
    "fastbp.sklearn",
    "argparse",
    "csv",
    "sklearn",
    "scipy",
    "torch",
    "jax",
    "tensorflow",
    *TABLES,
    "matplotlib",
    "tqdm",
    "tensorboardX",
    "safetensors",
    "keras",
    "onnx",
    "onnxruntime",
    "mpmath",
    "hypothesis",
    "pytest",
    "Cython",
    "setuptools",
]

# Who may include whom on the compiled side.
HEADERS = {
    "_callbacks.pyx": {"custom", "real", "watch"},
    "_callbacks.pxd": {"custom", "watch"},
    "_engine.pyx": {
        *("_callbacks", "_team"),
        *("activation", "batch", "dense", "loss", "network", "passes", "real", "steps", "team"),
        *("norm", "normalization", "standard", "update", "watch"),
    },
    "_orders.pyx": {"_callbacks", "shuffle", "watch"},
    "_team.pyx": {"team"},
    "_team.pxd": {"team"},
    "_way.pyx": set(),
    "_kernels.pyx": {"activation", "dense", "elementary", "loss", "real", "rules"},
    "norm.pxd": {"real"},
    "passes.pxd": {"backward", "batch", "dense", "forward", "network", "real", "team"} | {"watch"},
    "shuffle.pxd": {"watch"},
    "standard.pxd": {"real"},
    "steps.pxd": {
        *("backward", "batch", "dense", "forward", "network", "norm", "real", "rules", "run"),
        *("team", "tiny", "update", "watch", "weight_gradient"),
    },
    "tiny.pxd": {"activation", "batch", "lanes", "loss", "network", "real", "rules"}
    | {"run", "update"},
    "lanes.pxd": {"real"},
    "run.pxd": {"batch", "network", "update", "watch"},
    "batch.pxd": {"backward", "forward", "network", "real", "weight_gradient"},
    "backward.pxd": {
        *("activation", "custom", "dense", "loss", "network", "normalization", "real", "team"),
    },
    "weight_gradient.pxd": {
        *("dense", "network", "normalization", "real", "rules", "update", "watch"),
    },
    "forward.pxd": {
        *("activation", "custom", "dense", "dropout", "loss", "network", "normalization", "real"),
        *("team", "watch"),
    },
    "custom.pxd": {"real"},
    "network.pxd": {"custom", "dense", "team", "watch"},
    "normalization.pxd": {"dense", "real"},
    "dropout.pxd": {"real"},
    "team.pxd": set(),
    "watch.pxd": set(),
    "activation.pxd": {"custom", "elementary", "real", "softmax"},
    "softmax.pxd": {"elementary", "real"},
    "dense.pxd": {"real", "watch"},
    "loss.pxd": {"elementary", "real", "rules"},
    "elementary.pxd": {"real"},
    "rules.pxd": {"real"},
    "update.pxd": {"real", "rules"},
    "real.pxd": set(),
    "_cpu.pyx": set(),
    "__init__.pxd": set(),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def unit_of(path):
    """Return the unit of a module's file: its name at the top of the package, or its folder's."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def own_modules(path):
    """Yield the full name of every fastbp module that a file imports, at whatever depth."""
    here = ["fastbp", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}"


def imported_units(path):
    """Return the units of fastbp that a file imports; names of the public API count as __init__."""
    units = set()
    for name in own_modules(path):
        parts = name.split(".")
        if parts[0] == "fastbp":
            inner = parts[1] if len(parts) > 1 else "__init__"
            known = inner in RANKS or (PACKAGE / inner).is_dir()
            units.add(inner if known else "__init__")
    return units


def module_id(path):
    return str(path.relative_to(PACKAGE))


def test_every_module_has_a_rank():
    units = {unit_of(path) for path in MODULES}
    assert units - set(RANKS) == {"reference"}
    assert set(RANKS) - units >= COMPILED


@pytest.mark.parametrize("path", [p for p in MODULES if unit_of(p) != "reference"], ids=module_id)
def test_imports_go_downwards(path):
    unit = unit_of(path)
    found = imported_units(path) - ({unit} if (PACKAGE / unit).is_dir() else set())
    if unit == "explain":
        # It shows the twin's working, and is imported when a trace is asked for.
        found -= {"reference"}
    assert "reference" not in found, "the twin is imported lazily, see ASK_FOR_THE_TWIN"
    upwards = {other for other in found if RANKS[other] >= RANKS[unit]}
    assert not upwards, f"{unit} imports {sorted(upwards)} of its own rank or above"
    if unit in ONLY:
        assert found <= ONLY[unit]


@pytest.mark.parametrize("path", [p for p in MODULES if unit_of(p) == "reference"], ids=module_id)
def test_the_twin_imports_the_standard_library_and_itself_only(path):
    for name in own_modules(path):
        first, *rest = name.split(".")
        if first == "fastbp":
            assert rest[0] == "reference", name
        else:
            assert first in sys.stdlib_module_names, name


@pytest.mark.parametrize(
    "path", [p for p in MODULES if unit_of(p) == "integrations"], ids=module_id
)
def test_integrations_use_the_public_api_and_what_writes_files_only(path):
    for name in own_modules(path):
        parts = name.split(".")
        if parts[0] == "fastbp" and parts[1:2] != ["integrations"]:
            assert len(parts) == 1 or parts[1] in {*fastbp.__all__, "atomic", "files"}, name


@pytest.mark.parametrize("path", [p for p in MODULES if unit_of(p) == "plot"], ids=module_id)
def test_pictures_use_the_public_api_and_what_checks_and_names_only(path):
    allowed = {"plot", "checks", "names", "spec"}
    for name in own_modules(path):
        parts = name.split(".")
        if parts[0] == "fastbp" and len(parts) > 1:
            assert parts[1] in allowed or name.endswith("packages.needed"), name


def test_pictures_are_named_by_the_lazy_attribute_and_the_history_only():
    named = [path.name for path in MODULES if '"fastbp.plot"' in path.read_text()]
    assert sorted(named) == ["__init__.py", "history.py"]


@pytest.mark.parametrize("path", [p for p in MODULES if unit_of(p) == "sklearn"], ids=module_id)
def test_estimators_use_the_public_api_orders_and_what_a_model_file_is_made_of_only(path):
    for name in own_modules(path):
        parts = name.split(".")
        if parts[0] == "fastbp" and len(parts) > 1:
            allowed = {"sklearn", "construction", "files", "orders"}
            assert parts[1] in allowed or name.endswith("packages.needed"), name


# Who asks for the twin when it is needed: the lazy attribute, and the check of gradients.
ASK_FOR_THE_TWIN = {PACKAGE / "__init__.py", PACKAGE / "gradient_check" / "twin.py"}


def test_the_twin_is_asked_for_by_few_and_in_functions_only():
    for path in MODULES:
        if unit_of(path) == "reference":
            continue
        strings = [
            node.args[0].value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        ]
        named = [text for text in strings if text == "fastbp.reference"]
        assert named == (["fastbp.reference"] if path in ASK_FOR_THE_TWIN else []), path


def test_no_module_makes_its_products_with_numpy():
    # Arithmetic over rows belongs to the compiled side: no module of the package calls BLAS.
    calls = re.compile(r"np\.(dot|matmul|einsum|tensordot|vdot|inner|linalg)\b|[\w)\]] @ [\w(\[]")
    for path in MODULES:
        # An orthogonal matrix to begin with is no product of rows, nor is the plane of a picture;
        # LAPACK makes them.
        if unit_of(path) in RANKS and unit_of(path) not in ("cli", "initializers", "plot"):
            assert not calls.search(path.read_text()), path


@pytest.mark.parametrize("name", ["utils", "common", "helpers", "base", "util", "misc", "backend"])
def test_no_module_has_a_name_that_says_nothing(name):
    found = [p for top in (PACKAGE, SOURCES) for p in top.rglob("*") if p.stem.lower() == name]
    assert not found


def loaded_after(code):
    """Run code in a new interpreter; return the modules that it has loaded."""
    report = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    answer = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(answer.stdout.split())


def test_import_loads_neither_the_twin_nor_the_command_line_nor_an_optional_package():
    loaded = loaded_after("import fastbp")
    # Whatever numpy itself loads is not ours to choose.
    extra = loaded - loaded_after("import numpy")
    assert not extra & set(NOT_LOADED)
    foreign = {
        name.split(".")[0]
        for name in extra
        if name.split(".")[0] not in {*sys.stdlib_module_names, "fastbp", "numpy"}
    }
    # A module that Cython makes for its shared types, and what an editable install adds.
    assert {n for n in foreign if not n.startswith(("_cython_", "cython_runtime", "__"))} == set()
    assert "fastbp.network" in extra


def test_training_loads_no_twin_and_no_package_of_tables():
    loaded = loaded_after(
        "import fastbp as fb\n"
        "net = fb.mlp([2, 3, 1])\n"
        "net.fit([[0.0, 1.0]], [1.0], epochs=1, progress=False)\n"
        "net.gradient([[0.0, 1.0]], [1.0])\n"
        "fb.kernels.sigmoid(0.0)"
    )
    assert not [name for name in loaded if name.startswith("fastbp.reference")]
    assert not loaded & set(TABLES)


def test_the_twin_is_loaded_when_it_is_asked_for():
    assert "fastbp.reference.network" in loaded_after("import fastbp\nfastbp.reference.Network")


def test_loading_pictures_loads_no_matplotlib():
    loaded = loaded_after("import fastbp\nfastbp.plot.network")
    assert "fastbp.plot.graph" in loaded
    assert "matplotlib" not in loaded


def test_loading_the_twin_loads_the_standard_library_and_itself_only():
    # Its own modules load nothing beyond what importing the package around it loads.
    extra = loaded_after("import fastbp.reference") - loaded_after("import fastbp")
    for name in extra:
        first = name.split(".")[0]
        assert first == "fastbp" or first in sys.stdlib_module_names, name


@pytest.mark.skipif(not SOURCES.is_dir(), reason="the compiled sources are not beside the tests")
def test_compiled_files_include_downwards():
    found = {p.name for p in SOURCES.iterdir() if p.suffix in (".pyx", ".pxd")}
    assert not found - set(HEADERS), "files that this test does not know"
    for name in found:
        allowed = HEADERS[name]
        text = (SOURCES / name).read_text()
        assert set(re.findall(r"^from \.(\w+) cimport", text, re.MULTILINE)) <= allowed, name
        assert not re.search(r"\bcimport numpy|\bfrom numpy\b|\bimport numpy\b", text), name


@pytest.mark.skipif(not SOURCES.is_dir(), reason="the compiled sources are not beside the tests")
def test_headers_never_touch_python_while_they_compute():
    for path in SOURCES.glob("*.pxd"):
        for signature in re.findall(
            r"^cdef inline .*?:$", path.read_text(), re.MULTILINE | re.DOTALL
        ):
            if "dict " not in signature.split("(")[0]:
                assert "noexcept nogil" in signature, (path.name, signature)


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 50, f"{node.name} has {lines} lines"
