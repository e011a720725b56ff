"""Where each microsecond of a step goes: W3, W4 and W7 under `perf record`, one thread.

    python benches/step_profile.py            measure, write results/profile.json, fill the document
    python benches/step_profile.py --check    fail if docs/performance.md is stale

Needs `perf` (Debian: linux-perf). Samples of the processor clock are counted by the function they
fall in; the functions are grouped into parts of a step, and a part's share of the samples times the
measured time of a step is its time. What the compiler has inlined counts where it was inlined to.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCHES), str(BENCHES / "peers")]

from marked_block import fill_all  # noqa: E402
from measured import measured_on  # noqa: E402
from workloads import Workload, build, find  # noqa: E402

ROOT = BENCHES.parent
RESULTS = BENCHES / "results" / "profile.json"
NAME = "profile table"
WORKLOADS = ["W3", "W4", "W7"]
SECONDS = 6.0

# The first pattern that fits a function's name says which part of a step it is.
PARTS = [
    ("products: register tiles", r"tile_|one_row"),
    (
        "products: packing and transposing panels",
        r"pack|transpose|copy_units|set_panel|work_f|multiply|panel_|product|bring_near",
    ),
    ("bias gradients", r"column_sums"),
    ("forward pass besides its products: activations", r"forward"),
    ("losses and output delta", r"loss|output_delta"),
    ("derivatives of activations", r"data_gradient|times_derivative|backward"),
    ("optimizer's update and the step loop", r"run_steps|weight_gradient|update"),
    ("copying rows and state", r"memmove|memcpy|gather|keep_state"),
    ("Python, numpy and the kernel: shuffling, checks, page faults", r"."),
]


def train(workload: Workload) -> None:
    """Warm up, say so, train for a while and print the seconds of a step."""
    import fastbp as fb

    problem = build(workload)
    net = fb.mlp(list(workload.sizes), workload.hidden, workload.output, workload.loss)
    epochs = max(1, 4_000_000_000 // int(workload.flops * workload.steps))

    def fit() -> None:
        net.fit(problem.x, problem.y, "adam", epochs, workload.batch, progress=False, threads=1)

    fit()
    print("ready", flush=True)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS + 1:
        fit()
        steps += epochs * workload.steps
    print((time.perf_counter() - began) / steps)


def measure(name: str) -> dict[str, object]:
    """Return the time of a step of a workload and the share of each part."""
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "perf.data"))
        command = [sys.executable, __file__, "--train", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            attach = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", data]
            attach += ["-p", str(child.pid), "--", "sleep", str(SECONDS)]
            subprocess.run(attach, capture_output=True, check=True)
            seconds = float(child.stdout.readline())
        report = subprocess.run(
            ["perf", "report", "-i", data, "--stdio", "--no-children", "-F", "overhead,symbol"],
            capture_output=True,
            text=True,
            check=True,
        )
    shares = dict.fromkeys((part for part, _ in PARTS), 0.0)
    for line in report.stdout.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+\[.\]\s+(\S+)", line)
        if found:
            part = next(part for part, pattern in PARTS if re.search(pattern, found[2]))
            shares[part] += float(found[1]) / 100
    whole = sum(shares.values())
    return {
        "seconds_of_a_step": seconds,
        "shares": {part: share / whole for part, share in shares.items()},
    }


def table(results: dict[str, dict]) -> str:
    """Return the Markdown table of all workloads."""
    head = ["part of a step", *(f"{name}, us" for name in results["workloads"])]
    lines = [results["caption"], "", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for part, _ in PARTS:
        cells = [
            f"{1e6 * found['seconds_of_a_step'] * found['shares'][part]:,.2f} "
            f"({found['shares'][part]:.0%})"
            for found in results["workloads"].values()
        ]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    whole = [f"{1e6 * found['seconds_of_a_step']:,.2f}" for found in results["workloads"].values()]
    lines.append(f"| whole step | {' | '.join(whole)} |")
    described = [f"{name}: {find(name, False).description}" for name in results["workloads"]]
    return "\n".join([*lines, "", "; ".join(described) + "."])


def main() -> int:
    """Measure, or only compare with what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(find(arguments.train, False))
        return 0
    if not arguments.check:
        results = {
            "caption": measured_on("one thread, float32"),
            "workloads": {name: measure(name) for name in WORKLOADS},
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    body = table(json.loads(RESULTS.read_text()))
    return fill_all({ROOT / "docs" / "performance.md": body}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
