"""A fault: one line of a source, and what stands there when it is broken.

All faults are in one build, each beside the right code behind a switch, so that one compilation
serves them all: R. H. Untch, A. J. Offutt, M. J. Harrold, "Mutation analysis using mutant
schemata", ISSTA 1993. FASTBP_FAULT in the environment is the number of the fault that is on.
"""

from dataclasses import dataclass
from pathlib import Path

SOURCES = {".h": "src_pyx/fastbp", ".pxd": "src_pyx/fastbp", ".pyx": "src_pyx/fastbp"}


@dataclass(frozen=True)
class Fault:
    """What is broken, where, and how.

    Parameters
    ----------
    what : str
        Says what is broken; no other fault has the same.
    file : str
        Of src_pyx/fastbp, or from the root for Python files.
    line : str
        The line as it stands, without its indentation.
    right : str
        The part of the line that is broken, an expression; "" for the whole line, a statement.
    wrong : str
        What stands there instead; "" for no statement.
    nth : int, optional
        Which of several lines alike, from 1.
    """

    what: str
    file: str
    line: str
    right: str
    wrong: str
    nth: int = 1

    @property
    def path(self) -> Path:
        """Where the file lies, from the root of the tree."""
        return Path(SOURCES.get(Path(self.file).suffix, ""), self.file)

    def place(self, lines: list[str]) -> int:
        """Return the index of the line; an error names the fault whose line is not there."""
        found = [i for i, line in enumerate(lines) if line.strip() == self.line]
        if len(found) < self.nth:
            raise ValueError(
                f"the fault {self.what!r} must name a line of {self.path}, got {self.line!r}, "
                f"which is there {len(found)} times of {self.nth}"
            )
        if self.right and self.line.count(self.right) != 1:
            raise ValueError(
                f"the fault {self.what!r} must name a part that its line has once, got "
                f"{self.right!r} in {self.line!r}"
            )
        return found[self.nth - 1]

    def switched(self, line: str, number: int) -> str:
        """Return the line with both ways, the wrong one taken where fault `number` is on."""
        suffix = Path(self.file).suffix
        if suffix == ".h":
            on = f"fastbp_fault == {number}"
            if self.right:
                return line.replace(self.right, f"({on} ? ({self.wrong}) : ({self.right}))")
            return f"{{ if ({on}) {{ {self.wrong or ';'} }} else {{ {self.line} }} }}"
        on = f"FAULT == {number}"
        if suffix == ".py":
            on = f'__import__("os").environ.get("FASTBP_FAULT") == "{number}"'
        if self.right:
            return line.replace(self.right, f"(({self.wrong}) if {on} else ({self.right}))")
        indent = line[: len(line) - len(line.lstrip())]
        return (
            f"{indent}if {on}:\n{indent}    {self.wrong or 'pass'}\n"
            f"{indent}else:\n{indent}    {self.line}"
        )
