"""The team of threads under sanitizers: no race, no leak, and planted ones are seen."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HEADER = HERE.parents[1] / "src_pyx" / "fastbp" / "team.h"
FOUND = 66

# Orders without which what one member wrote is not sure to be what another reads.
PLANTED = {
    "the end of a phase is no release": (
        "&team->phase, phase + 1, memory_order_release",
        "&team->phase, phase + 1, memory_order_relaxed",
    ),
    "an arrival is no release": ("1, memory_order_acq_rel", "1, memory_order_acquire"),
    "the last arrival is no acquire": ("1, memory_order_acq_rel", "1, memory_order_release"),
    "a look at the phase is no acquire": ("memory_order_acquire", "memory_order_relaxed"),
    "a plain number of threads": ("_Alignas(64) atomic_int threads", "_Alignas(64) int threads"),
    "no wait for the others": ("(arrived ==", "(arrived <="),
}
# Plain reads and writes of what is atomic, as they stood before.
PLAIN = {
    "atomic_load_explicit(&team->threads, memory_order_relaxed)": "team->threads",
    "atomic_store_explicit(&team->threads, team->members + 1, memory_order_relaxed)": (
        "team->threads = team->members + 1"
    ),
}
NOT_HERE = ("unexpected memory mapping", "LeakSanitizer has encountered a fatal error")
# What a sanitizer of the tests themselves preloads is not for the compiler.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def call(*command, **options):
    environment = ENVIRONMENT | options
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd="/", timeout=120, check=False
    )


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Return a function that builds the program with a text of the header, and runs it."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")

    def built(text, sanitizer="thread"):
        folder = tmp_path_factory.mktemp("race")
        (folder / "team.h").write_text(text)
        program = folder / "team_race"
        flags = ["-std=gnu11", "-g", "-O1", f"-fsanitize={sanitizer}", f"-I{folder}"]
        source = HERE / "team_race.c"
        done = call(compiler, *flags, str(source), "-o", str(program), "-lpthread")
        if done.returncode:
            pytest.skip(f"the compiler has no such sanitizer: {done.stderr[-200:]}")
        # Addresses that are drawn may lie where the sanitizer keeps its own.
        fixed = ["setarch", "-R"] if shutil.which("setarch") else []
        options = f"halt_on_error=1:exitcode={FOUND}"
        done = call(*fixed, str(program), TSAN_OPTIONS=options, ASAN_OPTIONS=options)
        if any(text in done.stderr for text in NOT_HERE):
            pytest.skip(f"the sanitizer does not run on this system: {done.stderr[-200:]}")
        return done

    return built


def test_a_team_has_no_races(build, promise):
    done = build(HEADER.read_text())
    promise(
        10,
        "barriers of teams under ThreadSanitizer: spinning, asleep, beginning, ending",
        "no race",
        f"{done.stderr.count('data race')} races in {done.stdout.strip()} barriers",
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5000


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_race_is_seen(build, fault):
    text = HEADER.read_text()
    before, after = PLANTED[fault]
    assert before in text
    text = text.replace(before, after)
    for atomic, plain in PLAIN.items() if "plain" in fault else ():
        assert atomic in text
        text = text.replace(atomic, plain)
    done = build(text)
    assert done.returncode in (1, FOUND), done.stderr


@pytest.mark.parametrize("kept", ["", "free(team);", "free(argument);"])
def test_a_team_leaks_nothing_and_what_is_planted_is_seen(build, kept):
    text = HEADER.read_text()
    assert kept in text
    text = text.replace(kept, "") if kept else text
    done = build(text, "address,undefined")
    assert done.returncode == (FOUND if kept else 0), done.stderr
    assert ("detected memory leaks" in done.stderr) == bool(kept)
