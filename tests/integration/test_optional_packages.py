"""Modules of optional packages: imported without them, and asking for them by name."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fastbp import spec
from fastbp.integrations import keras, onnx, torch
from fastbp.integrations.assembly import ALPHA

ROOT = Path(__file__).parents[2]

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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    for module, (_, title, _) in MODULES.items():
        requirement = extras[module][0]
        assert requirement.partition(">=")[0] == title


def test_every_activation_has_its_word_in_every_package():
    assert set(torch.MODULES) == set(spec.ACTIVATIONS)
    assert set(keras.ACTIVATIONS) == set(spec.ACTIVATIONS)
    assert set(onnx.ACTIVATIONS) == set(spec.ACTIVATIONS)
    defaults = {name: default for name, (_, default) in spec.ACTIVATION_PARAMETERS.items()}
    assert defaults == ALPHA


def test_the_examples_of_the_page_do_what_they_say(tmp_path, monkeypatch, capsys):
    for package in ("safetensors", "sklearn", "onnx"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (text,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "integrations.md", "exec"), {})
    assert capsys.readouterr().out == text
    assert sorted(item.name for item in tmp_path.iterdir()) == ["model.onnx", "model.safetensors"]
