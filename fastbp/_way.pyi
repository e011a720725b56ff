from collections.abc import Sequence

from fastbp.checks import Array

class Way:
    def __init__(self, targets: Sequence[Array], sources: Sequence[Array]) -> None: ...
    def go(self) -> None: ...
