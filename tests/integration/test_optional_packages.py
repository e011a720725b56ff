"""Modules of optional packages: imported without them, and asking for them by name."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# Module: what its functions ask for, an extra, the package's name, calls.
MODULES = {
    "safetensors": (
        "safetensors",
        "safetensors",
        ["save_safetensors(None, 'x')", "load_safetensors('x')"],
    ),
    "sklearn": ("sklearn", "scikit-learn", ["from_sklearn(None)", "to_sklearn(None)"]),
    "torch": ("torch", "torch", ["from_torch(None)", "to_torch(None)"]),
    "keras": ("keras", "keras", ["from_keras(None)", "to_keras(None)", "own_functions()"]),
    "onnx": ("onnx", "onnx", ["to_onnx(None)"]),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_imported_without_its_package_which_its_functions_ask_for(module):
    package, title, calls = MODULES[module]
    code = [
        "import sys",
        f"import fastbp.integrations.{module} as module",
        f"assert {package!r} not in sys.modules",
        f"sys.modules[{package!r}] = None",
    ]
    for call in calls:
        code += [f"try: module.{call}", "except ImportError as error: print(error)"]
    command = [sys.executable, "-W", "error", "-c", "\n".join(code)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert answer.stdout.splitlines() == [
        f'{call.partition("(")[0]} needs {title}; install it with: pip install "fastbp[{module}]"'
        for call in calls
    ]


def test_every_extra_that_messages_name_installs_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    for module, (_, title, _) in MODULES.items():
        (requirement,) = extras[module]
        assert requirement.partition(">=")[0] == title
