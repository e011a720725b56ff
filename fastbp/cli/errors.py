"""The two kinds of failure that the command line reports as one line."""


class CommandError(Exception):
    """A failure whose text is shown to the user after ``fastbp: error:``."""

    exit_code = 1


class DataError(CommandError):
    """A file's content is not what the command needs (exit code 1)."""


class UsageError(CommandError):
    """The command was called wrongly (exit code 2)."""

    exit_code = 2
