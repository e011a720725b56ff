"""What machine this is, and what it can do while the others are being measured."""

import ctypes
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

FLAGS_OF_INTEREST = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
SOURCE = Path(__file__).with_name("cpu.c")
CROSSINGS = 20_000


def cpus(threads: int) -> list[int]:
    """Return the CPUs on which every measurement with this many threads runs."""
    return sorted(os.sched_getaffinity(0))[-threads:]


def describe() -> dict[str, Any]:
    """Return the CPU's model, cores and flags, the memory and the system."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields = {}
    for line in info.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", "").split()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": fields.get("model name", platform.processor()),
        "family_model_stepping": [fields.get(name) for name in ("cpu family", "model", "stepping")],
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS_OF_INTEREST if flag in flags],
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


class Probe:
    """The FMA peak and the barrier's latency, by a C library built now; nothing without gcc."""

    def __init__(self) -> None:
        self.library: ctypes.CDLL | None = None
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "cpu.so"
            command = [compiler, "-O2", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
            done = subprocess.run(
                [*command, str(SOURCE), "-o", str(target), "-lpthread"],
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                self.library = ctypes.CDLL(str(target))
        if self.library is not None:
            self.library.fma_peak.restype = ctypes.c_double
            self.library.barrier_latency.restype = ctypes.c_double

    def peak(self, threads: int, dtype: str, seconds: float) -> float | None:
        """Return floating-point operations a second of this many cores together."""
        if self.library is None:
            return None
        chosen = cpus(threads)
        array = (ctypes.c_int * len(chosen))(*chosen)
        return self.library.fma_peak(
            array, len(chosen), int(dtype == "float64"), ctypes.c_double(seconds)
        )

    def barrier(self, threads: int) -> float | None:
        """Return the median latency of a barrier of two threads in nanoseconds."""
        chosen = cpus(threads)
        if self.library is None or len(chosen) < 2:
            return None
        first, second, count = chosen[0], chosen[1], ctypes.c_long(CROSSINGS)
        found = [self.library.barrier_latency(first, second, count) for _ in range(5)]
        return statistics.median(found)

    def vector_bits(self) -> int | None:
        """Return the width of the vectors that the peak was measured with."""
        return None if self.library is None else 8 * self.library.vector_bytes()
