"""The public surface: the same in package and twin, and every name documented with an example."""

import inspect

import pytest

import fastbp as fb
from fastbp import kernels, optimizers, plot, reference

OPTIMIZERS = [kind.__name__ for kind in optimizers.BY_NAME.values()]

SCHEDULES = [
    name
    for name in fb.__all__
    if inspect.isclass(getattr(fb, name)) and issubclass(getattr(fb, name), fb.Schedule)
]

# What only one side has, and why.
PACKAGE_ONLY = {
    "FileFormatError": "files",
    "load": "files",
    "show_config": "what the compiled modules run on",
    "Network.save": "files",
    "Network.folded": "a faster way to the same predictions",
    "Network.gradient_of": "what a look at a network's health asks of it",
    "Network.health": "figures of the compiled kernels",
    "Network.file_contents": "what saving and checkpoints ask of a network",
    "Network.outputs": "what the training loop asks of a network",
    "Network.fit_stream": "files",
    "Network.partial_fit": "files",
    **dict.fromkeys(["Checkpoint", "CSVLog", "JSONLog", "Training"], "files"),
    **dict.fromkeys(["Callback", "EverySteps", "HealthLog"], "the twin calls plain functions"),
    "History.plot": "pictures",
    "Network.memory": "sizes of compiled buffers",
    **dict.fromkeys(["Columns", "OneHot"], "tables are for the package"),
    **{
        f"{name}.{method}": "how a network asks what makes its rows ready"
        for name in ("Columns", "OneHot", "Standardize")
        for method in ("source", "described", "forget")
    },
    "Standardize.take_if_unfitted": "how a fit is resumed",
    "Standardize.in_unit": "how a network gives its predictions",
    "Standardize.scaling": "what predictions fold into weights",
    "Network.validation_loss": "what the training loop asks of a network",
    **{
        f"{name}.{method}": "the state lives in one compiled vector, made on first use"
        for name in OPTIMIZERS
        for method in ("bind", "check_slots", "check_state")
    },
    **{
        f"{name}.{method}": "how a fit asks a schedule"
        for name in SCHEDULES
        for method in ("factors", "observe", "begin", "state", "restore")
    },
}
CALLBACKS = ["Callback", "Checkpoint", "CSVLog", "EverySteps", "HealthLog", "JSONLog"]
PACKAGE_ONLY |= {
    f"{name}.{method}": "how a fit calls a callback"
    for name in CALLBACKS
    for method in (*("begin", "column_names", "figures", "after_epoch", "after_steps", "end"),)
}
CLASSES = ["Network", "Dense", *OPTIMIZERS, "Stop", "History", "Gradients", "Standardize"]


def public(names):
    return {name for name in names if not name.startswith("_")}


def methods(kind):
    """Return the names of the public functions of a class."""
    return public(name for name, _ in inspect.getmembers(kind, inspect.isfunction))


def parameters(function):
    """Return [(name, kind, default)] of a function, without self."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind.name, p.default) for p in found if p.name != "self"]


def test_package_and_twin_have_the_same_names():
    assert set(fb.__all__) - set(PACKAGE_ONLY) == set(reference.__all__)
    assert public(dir(reference)) >= set(reference.__all__)
    assert all(hasattr(fb, name) for name in fb.__all__)


def test_every_listed_name_exists_once():
    for module in (fb, reference, kernels, reference.kernels):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name)


def test_the_twin_and_pictures_are_attributes_of_the_package():
    assert fb.reference is reference
    assert fb.plot is plot
    with pytest.raises(AttributeError, match="has no attribute 'refrence'"):
        fb.refrence  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(kernels.__all__) | set(reference.kernels.__all__)))
def test_kernels_have_the_same_arguments(name):
    assert parameters(getattr(kernels, name)) == parameters(getattr(reference.kernels, name))


@pytest.mark.parametrize(
    "name",
    [
        "mlp",
        "check_gradients",
        "register_activation",
        "register_loss",
        "Network",
        "Dense",
        *OPTIMIZERS,
        *SCHEDULES,
        "Standardize",
        "Stop",
        "History",
    ],
)
def test_functions_and_classes_have_the_same_arguments(name):
    assert parameters(getattr(fb, name)) == parameters(getattr(reference, name))


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_methods_with_the_same_arguments(name):
    ours, theirs = getattr(fb, name), getattr(reference, name)
    only_here = {entry.partition(".")[2] for entry in PACKAGE_ONLY if entry.startswith(f"{name}.")}
    hidden = {"to_dict"}  # what a file holds
    assert methods(ours) - only_here - hidden == methods(theirs)
    assert only_here <= methods(ours)
    for method in methods(theirs):
        assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), method


def made(package):
    """Return one object of each class, with what makes it."""
    net = package.mlp([2, 3, 1])
    history = net.fit([[0.0, 1.0]], [1.0], epochs=1, progress=False)
    return {
        "Network": net,
        "Gradients": net.gradient([[0.0, 1.0]], [1.0])[1],
        "History": history,
        "Dense": package.Dense(3),
        "Stop": package.Stop(),
        "Standardize": package.Standardize().fit([[0.0, 1.0]]),
    }


def attributes(thing):
    """Return the names of the public data of an object."""
    return public(
        name for name in dir(thing) if not callable(getattr(thing, name)) and name != "metadata"
    )


@pytest.mark.parametrize(
    "name", ["Network", "Gradients", "History", "Dense", "Stop", "Standardize"]
)
def test_objects_have_the_same_attributes(name):
    assert attributes(made(fb)[name]) == attributes(made(reference)[name])


@pytest.mark.parametrize("name", ["Dense", "Stop", *OPTIMIZERS])
def test_arguments_can_be_read_back_and_changed_alike(name):
    ours, theirs = (
        {"Dense": package.Dense(3)}.get(name) or getattr(package, name)()
        for package in (fb, reference)
    )
    for argument, kind, default in parameters(getattr(reference, name)):
        if kind == "VAR_KEYWORD":
            continue
        wanted = 3 if argument == "units" else default
        assert getattr(theirs, argument) == wanted, argument
        assert getattr(ours, argument) == wanted, argument


def documented():
    """Yield (name, object) of everything public in package and twin that takes a docstring."""
    for module in (fb, kernels, plot, reference, reference.kernels):
        for name in module.__all__:
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method in sorted(methods(thing)):
                    full = f"{name}.{method}"
                    if PACKAGE_ONLY.get(full, "files") == "files" and method != "to_dict":
                        yield f"{module.__name__}.{full}", getattr(thing, method)


@pytest.mark.parametrize("thing", [pytest.param(thing, id=name) for name, thing in documented()])
def test_every_public_name_has_a_docstring(thing):
    text = inspect.getdoc(thing) or ""
    first = text.splitlines()[0] if text else ""
    assert len(first) > 5
    assert first == first.strip()


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(thing, id=name)
        for name, thing in documented()
        if not name.startswith("fastbp.reference")
    ],
)
def test_every_public_name_of_the_package_has_an_example(thing):
    text = inspect.getdoc(thing) or ""
    assert "\nExamples\n--------\n" in text
    assert ">>> " in text.partition("\nExamples\n")[2]


@pytest.mark.parametrize("name", sorted(set(reference.__all__) - {"kernels"}))
def test_every_class_and_function_of_the_twin_has_an_example(name):
    text = "\n".join(
        inspect.getdoc(thing) or ""
        for thing in [getattr(reference, name), *vars(getattr(reference, name)).values()]
        if callable(thing) or isinstance(thing, property)
    )
    assert ">>> " in text or ">>> " in (inspect.getdoc(getattr(reference, name)) or "")


def test_every_argument_of_the_package_is_documented():
    missing = []
    for name, thing in documented():
        if name.startswith("fastbp.reference") or (
            inspect.isclass(thing) and issubclass(thing, (Exception, fb.Gradients, fb.Training))
        ):
            continue
        text = inspect.getdoc(thing) or ""
        if "As for" in text:
            text += inspect.getdoc(fb.Network) + inspect.getdoc(fb.Network.evaluate)
            text += inspect.getdoc(fb.SGD) + inspect.getdoc(fb.Adam)
            text += inspect.getdoc(kernels.loss_value)
        missing += [
            f"{name}({argument})"
            for argument, kind, _ in parameters(thing)
            if not any(
                {"VAR_KEYWORD": "**"}.get(kind, "") + argument
                in line.partition(" :")[0].split(", ")
                for line in map(str.strip, text.splitlines())
            )
        ]
    assert not missing
