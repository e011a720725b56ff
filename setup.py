"""Build the compiled modules: one copy of each kernel module an instruction-set level.

The same source is compiled once a level (`_engine_v1`, `_engine_v3`, `_engine_v4`), each with that
level's flags, and `fastbp/_compiled.py` picks one at import. Nothing is compiled with
-march=native, so a wheel built here runs on any machine of the architecture. Compilers without GNU
extensions, and FASTBP_PLAIN=1, build level v1 alone, in standard C. What is up to date in build/ is
not made again.
"""

import multiprocessing
import os
import platform
import shutil
import sys
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("src_pyx")
GENERATED = Path("build") / "levels"
TRANSLATED = Path("build") / "c"
CORES = os.cpu_count() or 1
DEPENDS = [Path("setup.py"), *(SOURCE / "fastbp").iterdir()]

# -ffp-contract=off: a fused multiply-add stands where the source says so and nowhere else, so
# that every level with FMA gives the same bits. The -fno- flags let sqrt, division and comparisons
# vectorise; they change no result.
FLAGS = ["-O3", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
# Cython drops const from the pointers that its temporaries copy, and calls every function of a .pxd
# file inline, also those that are not to be inlined.
FLAGS += ["-Wno-discarded-qualifiers", "-Wno-ignored-qualifiers", "-Wno-attributes"]
# Debugging tables double the time of a build and say little of what is inlined as much as this.
FLAGS += ["-g0"]
LINK_FLAGS: list[str] = []
if sanitizers := os.environ.get("FASTBP_SANITIZE"):
    # For .ci/sanitize, "address,undefined" or "thread": reads and writes out of bounds, undefined
    # behaviour or races end the program.
    LINK_FLAGS = [f"-fsanitize={sanitizers}"]
    FLAGS += [*LINK_FLAGS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-g1"]

LEVELS = {
    "v1": [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
PLAIN = bool(os.environ.get("FASTBP_PLAIN"))
if PLAIN:
    # What a compiler sees that has neither GNU extensions nor POSIX threads.
    FLAGS += ["-std=c11", "-DFASTBP_PLAIN", "-DFASTBP_NO_THREADS"]
if PLAIN or platform.machine().lower() not in {"x86_64", "amd64"}:
    LEVELS = {"v1": []}
elif only := os.environ.get("FASTBP_LEVELS"):
    # For .ci/sanitize, which builds no levels that it does not run.
    LEVELS = {level: LEVELS[level] for level in only.split(",")}

# /fp:precise keeps the order and the rounding of every operation.
MSVC_FLAGS = ["/O2", "/fp:precise", "/std:c11"]


def newest_source() -> float:
    """Return when something that every module depends on last changed, flags among it."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    stamp = GENERATED / "flags.txt"
    around = [Cython.__version__, *(os.environ.get(name) for name in ("CC", "CFLAGS"))]
    text = f"{around}\n{FLAGS} {LINK_FLAGS} {LEVELS}\n"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != text:
        stamp.write_text(text, encoding="utf-8")
    return max(path.stat().st_mtime for path in (*DEPENDS, stamp))


def extension_of(name: str, source: Path) -> Extension:
    """Return the extension of one module, from its C where that is up to date.

    Cython itself would take its own .pxd files, new in each isolated build, for changes of ours.
    """
    translated = (TRANSLATED / source).with_suffix(".c")
    fresh = translated.exists() and translated.stat().st_mtime > NEWEST
    return Extension(
        f"fastbp.{name}",
        [(translated if fresh else source).as_posix()],
        depends=[path.as_posix() for path in (*DEPENDS, GENERATED / "flags.txt")],
        include_dirs=[(SOURCE / "fastbp").as_posix()],
    )


def leveled(name: str, level: str) -> Extension:
    """Return the extension of one level, from a copy of its source with its own init symbol."""
    source = GENERATED / f"{name}_{level}.pyx"
    shutil.copyfile(SOURCE / "fastbp" / f"{name}.pyx", source)
    return extension_of(f"{name}_{level}", source)


def flags_of(extension: Extension, compiler_type: str) -> list[str] | None:
    """Return the compiler's flags for an extension, or None where it cannot compile it."""
    level = extension.name.rpartition("_")[2]
    if compiler_type == "msvc":
        return None if LEVELS.get(level) else MSVC_FLAGS
    return FLAGS + LEVELS.get(level, [])


class ParallelBuild(build_ext):
    """Compile the extensions side by side, one job a core, with the flags of the compiler."""

    def finalize_options(self) -> None:
        """Take as many jobs as there are cores unless told otherwise."""
        super().finalize_options()
        if self.parallel is None:
            self.parallel = CORES

    def build_extensions(self) -> None:
        """Give each extension its flags; leave out the levels that the compiler does not know."""
        flags = {e.name: flags_of(e, self.compiler.compiler_type) for e in self.extensions}
        self.extensions = [e for e in self.extensions if flags[e.name] is not None]
        for extension in self.extensions:
            extension.extra_compile_args = flags[extension.name]
            extension.extra_link_args = LINK_FLAGS
        super().build_extensions()


NEWEST = newest_source()
extensions = [leveled(name, level) for name in ("_engine", "_kernels") for level in LEVELS]
extensions += [
    extension_of(name, SOURCE / "fastbp" / f"{name}.pyx")
    for name in ("_cpu", "_callbacks", "_orders", "_team", "_way")
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=[SOURCE.as_posix()],
        build_dir=TRANSLATED.as_posix(),
        language_level=3,
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "binding": True,
        },
        quiet="-v" not in sys.argv,
        # A process that is not a fork would run this file again.
        nthreads=CORES if multiprocessing.get_start_method() == "fork" else 0,
    ),
    cmdclass={"build_ext": ParallelBuild},
)
