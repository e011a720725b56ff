"""Write docs/names.md: every name that a network can be made or trained with, from the code.

    python docs/make_names.py            write the page
    python docs/make_names.py --check    fail if the page is stale

The formulas are the first paragraphs of docstrings.
"""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import fastbp as fb
from fastbp import metrics, optimizers, spec
from fastbp.integrations import keras, onnx, safetensors, sklearn, torch
from fastbp.integrations.tensorboard import TensorBoard
from fastbp.reference import initializers, losses
from fastbp.reference.activations import piecewise, rows, smooth
from fastbp.reference.losses import classes, differences, likelihoods

PAGE = Path(__file__).with_name("names.md")
HEAD = """# Names

Made from the code by `python docs/make_names.py`; formulas are those of `fastbp.reference`. A
parameter stands in brackets after the name, `"leaky_relu(0.2)"` or `"leaky_relu(alpha=0.2)"`.
"""


WAYS = (
    *(fb.Network.fit, fb.Network.fit_stream, fb.Network.partial_fit, fb.Network.train_step),
    *(fb.Network.gradient, fb.Network.backward, fb.Network.apply_gradients),
)
EXCHANGE_HEAD = [
    *("activation", "scikit-learn, hidden", "scikit-learn, output", "PyTorch", "Keras"),
    *("ONNX, float32", "ONNX, float64"),
]
METRICS = "Of the training rows and, with `validation_` before the name, of the others."


def first_paragraph(thing: Any) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def found(name: str, modules: list[ModuleType]) -> Any:
    """Return the function of a name, or of a row, in the first of the modules that has one."""
    for module in modules:
        for attribute in (name, f"{name}_row"):
            if hasattr(module, attribute):
                return getattr(module, attribute)
    raise LookupError(name)


def parameter_text(parameters: dict[str, tuple[str, float]], name: str) -> str:
    """Return a parameter and its default, or nothing."""
    return "{} = {:g}".format(*parameters[name]) if name in parameters else ""


def table(head: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table; upright strokes in cells are escaped."""
    every = [head, ["---"] * len(head), *lines]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in every]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def activation_lines() -> list[list[str]]:
    """Return name, value, derivative and parameter of each activation."""
    modules, lines = [smooth, piecewise, rows], []
    for name in spec.ACTIVATIONS:
        slope = {"softmax": rows.softmax_row_vjp, "log_softmax": rows.log_softmax_row_vjp}.get(name)
        slope = slope or found(f"{name}_prime", modules)
        formulas = [first_paragraph(thing) for thing in (found(name, modules), slope)]
        lines.append([f"`{name}`", *formulas, parameter_text(spec.ACTIVATION_PARAMETERS, name)])
    return lines


def loss_lines() -> list[list[str]]:
    """Return name, formula, parameter and the output that each loss needs."""
    modules, lines = [losses, classes, differences, likelihoods], []
    for name in spec.LOSSES:
        formula = first_paragraph(found(name, modules))
        output = spec.OUTPUT_OF_LOSS.get(name, "any")
        parameter = parameter_text(spec.LOSS_PARAMETERS, name)
        lines.append([f"`{name}`", formula, output, spec.TARGETS_OF_LOSS.get(name, ""), parameter])
    return lines


def signature(kind: Any) -> str:
    """Return the arguments of a class or function with their defaults."""
    found = inspect.signature(kind).parameters.values()
    shown = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}"
        for p in found
        if p.kind is not p.VAR_KEYWORD
    ]
    return f"`{kind.__name__}({', '.join(shown)})`"


def class_lines(kinds: list[type]) -> list[list[str]]:
    """Return the signature and the first paragraph of each class."""
    return [[signature(kind), first_paragraph(kind)] for kind in kinds]


def layer_formula() -> str:
    """Return the second paragraph of Dense: a layer with all that it may have."""
    return " ".join((inspect.getdoc(fb.Dense) or "").split("\n\n")[1].split())


def descriptions(kind: Any) -> dict[str, str]:
    """Return the description of each argument, from the docstring."""
    text = (inspect.getdoc(kind) or "").partition("Parameters\n----------\n")[2]
    entries = re.findall(r"^(\S[^\n]*) : [^\n]*\n((?:    [^\n]*\n)+)", text, re.MULTILINE)
    return {name: " ".join(body.split()) for names, body in entries for name in names.split(", ")}


def argument_lines(kind: Any) -> list[list[str]]:
    """Return name, default and description of each argument."""
    described = descriptions(kind)
    return [
        [f"`{p.name}`", "" if p.default is p.empty else f"`{p.default!r}`", described[p.name]]
        for p in inspect.signature(kind).parameters.values()
        if p.name in described
    ]


def own_text() -> str:
    """Return how activations and losses of one's own get a name, from the docstrings."""
    parts = []
    for register in (fb.register_activation, fb.register_loss):
        text = (inspect.getdoc(register) or "").partition("\n\nParameters\n")[0]
        head = f"`fb.{register.__name__}({', '.join(inspect.signature(register).parameters)})`"
        paragraphs = [" ".join(part.split()) for part in text.replace("``", "`").split("\n\n")]
        parts.append("\n\n".join([f"{head}: {paragraphs[0]}", *paragraphs[1:]]))
    return "\n\n".join(parts)


BRIDGES = (
    *(safetensors.save_safetensors, safetensors.load_safetensors),
    *(sklearn.from_sklearn, sklearn.to_sklearn, torch.from_torch, torch.to_torch),
    *(keras.from_keras, keras.to_keras, keras.own_functions, onnx.to_onnx),
)


def torch_text(name: str) -> str:
    """Return PyTorch's module of an activation, with the settings that it must have."""
    module, settings = torch.MODULES[name]
    shown = [f"{k}={'alpha' if v == torch.ALPHA else repr(v)}" for k, v in settings.items()]
    return f"`{module}({', '.join(shown)})`"


def keras_text(name: str) -> str:
    """Return Keras's function or layer of an activation."""
    if name in keras.LAYERS:
        layer, setting = keras.LAYERS[name]
        return f"`{layer}({setting}=alpha)`"
    return f"`{name}`, registered" if name in keras.OWN else f"`{keras.FUNCTIONS[name]}`"


def onnx_text(name: str, dtype: str) -> str:
    """Return ONNX's operator of an activation, if it is one of them."""
    operators = onnx.BOTH | onnx.SINGLE if dtype == "float32" else onnx.BOTH
    if name == "identity":
        return "none"
    return f"`{operators[name][0]}`" if name in operators else "several"


def exchange_lines() -> list[list[str]]:
    """Return what other packages call each activation."""
    return [
        [
            f"`{name}`",
            f"`{sklearn.HIDDEN[name]}`" if name in sklearn.HIDDEN else "",
            f"`{sklearn.OUTPUTS[name]}`" if name in sklearn.OUTPUTS else "",
            torch_text(name),
            keras_text(name),
            *(onnx_text(name, dtype) for dtype in ("float32", "float64")),
        ]
        for name in spec.ACTIVATIONS
    ]


def bridge_lines() -> list[list[str]]:
    """Return signature, module and first paragraph of each function for other packages."""
    return [
        [signature(thing), f"`{thing.__module__}`", first_paragraph(thing)] for thing in BRIDGES
    ]


def page() -> str:
    """Return the whole page."""
    kinds = [getattr(fb, name) for name in fb.__all__]
    schedules, callbacks = (
        [k for k in kinds if inspect.isclass(k) and issubclass(k, kind)]
        for kind in (fb.Schedule, fb.Callback)
    )
    known = [[f"`{name}`", first_paragraph(metric)] for name, metric in metrics.BUILT_IN.items()]
    rules = {**initializers.INITIALIZERS, "constant(value)": initializers.constant}
    rules["uniform(low, high)"] = initializers.uniform
    shared = inspect.cleandoc(optimizers.Optimizer.__doc__ or "").partition("Parameters")[0]
    begin = [[f"`{name}`", first_paragraph(rule)] for name, rule in sorted(rules.items())]
    parts = [
        HEAD,
        f"## Layers\n\n{first_paragraph(fb.Dense)} {layer_formula()}\n",
        table(["argument of `Dense`", "default", ""], argument_lines(fb.Dense)),
        "\n## Activations\n",
        table(["name", "value", "derivative", "parameter"], activation_lines()),
        "\n## Losses\n\nA loss is the mean over rows of L.\n",
        table(["name", "L of a row", "output", "targets", "parameter"], loss_lines()),
        f"\n## Activations and losses of your own\n\n{own_text()}",
        "\n## Optimizers\n\nA name in lower case is one with its defaults.\n",
        table(["optimizer", ""], class_lines(list(optimizers.BY_NAME.values()))),
        f"\nEvery optimizer takes{shared.partition('Every optimizer takes')[2].rstrip()}\n",
        table(
            ["argument of every optimizer", ""],
            [[f"`{name}`", text] for name, text in descriptions(optimizers.Optimizer).items()],
        ),
        "\n## Learning-rate schedules\n",
        table(["schedule", "factor of the learning rate"], class_lines(schedules)),
        f"\n## Metrics\n\n{METRICS}\n",
        table(["metric", ""], known),
        "\n## Rules to stop\n",
        table(["argument of `Stop`", "default", ""], argument_lines(fb.Stop)),
        "\n## Callbacks\n",
        table(["callback", ""], class_lines([*callbacks, TensorBoard])),
        "\nTensorBoard is in `fastbp.integrations.tensorboard`.",
        "\n## Ways to train\n",
        table(["method of `Network`", ""], [[f"`{w.__name__}`", first_paragraph(w)] for w in WAYS]),
        "",
        table(["rows of any of them", "default", ""], argument_lines(fb.Network.evaluate)),
        "",
        table(["argument of `fit`", "default", ""], argument_lines(fb.Network.fit)),
        "",
        table(["argument of `fit_stream`", "default", ""], argument_lines(fb.Network.fit_stream)),
        "\n## Preprocessing\n\nMore on it is in [preprocessing](preprocessing.md).\n",
        table(["inputs or targets", ""], class_lines([fb.Standardize, fb.OneHot, fb.Columns])),
        "\n## Initializers\n",
        table(["init", ""], begin),
        "\n## Other packages\n\nMore on them is in [integrations](integrations.md).\n",
        table(["function", "module", ""], bridge_lines()),
        "",
        table(EXCHANGE_HEAD, exchange_lines()),
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write the page, or compare."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE.name}: {'up to date' if same else 'stale'}")
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
