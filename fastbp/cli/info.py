"""``fastbp info``: what a model file holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import fastbp as fb
from fastbp.cli.config import to_toml
from fastbp.cli.errors import DataError
from fastbp.cli.figures import one_line
from fastbp.cli.model import METADATA_KEY, Model
from fastbp.cli.record import load_model, load_network
from fastbp.cli.report import shown
from fastbp.cli.target import ClassTarget

MOST_ROWS = 40


def add_command(commands: Any) -> None:
    """Add ``info`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "info",
        help="show what a model file holds",
        description=(
            "Show a model's layers and parameters, its columns with their scaling and categories, "
            "and the record of its training."
        ),
        epilog="example: fastbp info houses.fastbp",
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="file saved by fastbp train or Network.save")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object on stdout")
    form.add_argument(
        "--config",
        action="store_true",
        help="the options of its training, as a file for fastbp train --config",
    )


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Print it."""
    network = load_network(options.model)
    model = load_model(options.model) if METADATA_KEY in network.metadata else None
    if options.config:
        if model is None:
            raise DataError(f"{options.model}: must be a model saved by `fastbp train`")
        print(to_toml(model.training.get("options", {})), end="")
        return 0
    found = contents(network, model)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n".join(described(found)))
    return 0


def contents(network: fb.Network, model: Model | None) -> dict[str, Any]:
    """Return what a model file holds, for machines."""
    layers = [
        {
            "units": layer.units,
            "inputs": n_in,
            "activation": layer.activation,
            "parameters": int(weight.size + (0 if bias is None else bias.size)),
        }
        for layer, n_in, weight, bias in zip(
            network.layers, network.sizes, network.weights, network.biases, strict=False
        )
    ]
    found: dict[str, Any] = {
        "sizes": list(network.sizes),
        "parameters": int(network.params.size),
        "dtype": str(network.dtype),
        "loss": network.loss,
        "seed": network.seed,
        "layers": layers,
    }
    if model is None:
        return found
    target: dict[str, Any] = {"name": model.target.name, "task": model.target.task}
    if isinstance(model.target, ClassTarget):
        target["classes"] = list(model.target.classes)
    else:
        scaling = network.targets
        assert scaling is not None, "a regression's target is scaled"
        target |= {"mean": float(scaling.mean[0]), "scale": float(scaling.scale[0])}
    return found | {
        "columns": [column._asdict() for column in model.columns.columns],
        "target": target,
        "fill": model.fill,
        "training": model.training,
    }


def described(found: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    sizes = "-".join(map(str, found["sizes"]))
    lines = [
        f"network {sizes}, loss {found['loss']}, {found['dtype']}, {found['parameters']:,} "
        f"parameters, seed {found['seed']}",
        "",
        f"{'layer':>5}  {'inputs':>6}  {'units':>6}  {'parameters':>10}  activation",
    ]
    lines += [
        f"{number:>5}  {layer['inputs']:>6}  {layer['units']:>6}  {layer['parameters']:>10,}  "
        f"{layer['activation']}"
        for number, layer in enumerate(found["layers"], 1)
    ]
    if "target" in found:
        lines += ["", *_target_lines(found["target"]), "", *_column_lines(found["columns"])]
        if found["fill"] is not None:
            lines += ["", "missing values are filled"]
        lines += ["", *_training_lines(found["training"])]
    return lines


def _target_lines(target: dict[str, Any]) -> list[str]:
    if "classes" not in target:
        words = f"a number, mean {target['mean']:.6g}, scale {target['scale']:.6g}"
        return [f"target {target['name']!r}: {words}"]
    classes = target["classes"]
    names = ", ".join(shown(name) for name in classes[:MOST_ROWS])
    more = f" and {len(classes) - MOST_ROWS} more" if len(classes) > MOST_ROWS else ""
    return [f"target {target['name']!r}: {len(classes)} classes: {names}{more}"]


def _column_lines(columns: list[dict[str, Any]]) -> list[str]:
    width = max(6, *(len(shown(column["name"])) for column in columns))
    lines = [f"{'column':{width}}  kind         scaling or categories"]
    for column in columns[:MOST_ROWS]:
        if column["kind"] == "numeric":
            told = f"mean {column['mean']:.6g}, scale {column['scale']:.6g}"
        else:
            names = [shown(str(name)) for name in column["categories"]]
            told = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        lines.append(f"{shown(column['name']):{width}}  {column['kind']:11}  {told}")
    if len(columns) > MOST_ROWS:
        lines.append(f"and {len(columns) - MOST_ROWS} more")
    return lines


def _training_lines(training: dict[str, Any]) -> list[str]:
    rows = training["rows"]
    best = training["best_epoch"]
    kept = "" if best is None else f", parameters of epoch {best}"
    lines = [
        f"trained by fastbp {training['fastbp']} for {training['epochs']} epochs "
        f"({training['stop_reason']}){kept}",
        f"rows: {rows['training']} training, {rows['validation']} validation, {rows['test']} test",
    ]
    lines += [
        f"{part}: {one_line(training[part])}"
        for part in ("validation", "test")
        if training[part] is not None
    ]
    options = " ".join(f"{key}={value}" for key, value in training["options"].items())
    return [*lines, f"options: {options}"]
