"""The console command ``fastbp``: train on a table, predict with the saved model.

Exit codes: 0 done, 1 bad data, 2 bad usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import os
import sys
from collections.abc import Sequence

from fastbp.cli.errors import CommandError
from fastbp.cli.parser import build_parser
from fastbp.cli.signals import Terminated, reason, terminable

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``fastbp``; by default those of the process.

    Returns
    -------
    int
        0 done, 1 bad data, 2 bad usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
    """
    try:
        with terminable():
            words = sys.argv[1:] if argv is None else list(argv)
            options = build_parser().parse_args(words)
            code: int = options.run(options, words[1:])
            sys.stdout.flush()
    except CommandError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has left; closing stdout at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}", 1)
    except (KeyboardInterrupt, Terminated) as error:
        return _fail(*reason(error))
    except SystemExit as request:  # --help and --version
        return int(request.code or 0)
    return code


def _fail(message: str, code: int) -> int:
    print("fastbp: error:", " ".join(message.split("\n")), file=sys.stderr)
    return code
