"""The workers of one number of threads, each stopped while it has no request."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine

WORKER = Path(__file__).with_name("worker.py")


class Fleet:
    """One process a peer.

    A process without a request is stopped by a signal, so that no thread pool of an idle peer
    spins beside the one that is measured.

    Parameters
    ----------
    peers : list of str
    threads : int
        Every process gets that many CPUs, the same ones.
    verbose : bool
        Whether the peers' own messages are shown.
    """

    def __init__(self, peers: list[str], threads: int, verbose: bool) -> None:
        self.processes: dict[str, subprocess.Popen[str]] = {}
        for peer in peers:
            self.processes[peer] = subprocess.Popen(
                [sys.executable, WORKER, peer, str(threads), json.dumps(machine.cpus(threads))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if verbose else subprocess.DEVNULL,
                env=environment(threads),
                text=True,
            )
            self.ask(peer, "release")
        self.peers = list(self.processes)

    def ask(self, peer: str, request: str, **arguments: Any) -> dict[str, Any]:
        """Send a request to a peer's process and return its answer."""
        process = self.processes[peer]
        assert process.stdin is not None
        assert process.stdout is not None
        process.send_signal(signal.SIGCONT)
        try:
            process.stdin.write(json.dumps({"do": request, **arguments}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the process of {peer} ended; --verbose shows its last words")
        process.send_signal(signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a process with this many threads."""
    count = str(threads)
    found = {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "FASTBP_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if threads == 1:
        single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        found["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {single}".strip()
    return found
