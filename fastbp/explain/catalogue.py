"""What a trace says, in a language: one file of `languages` each."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastbp.explain.step import Place

FOLDER = Path(__file__).with_name("languages")


class Catalogue:
    """The texts of a language.

    Attributes
    ----------
    language : str
    words : dict of str
        Single words and short lines, those of the page among them.
    titles, whys : dict of str
        Of steps, with placeholders.
    """

    def __init__(self, language: str, texts: dict[str, dict[str, str]]) -> None:
        self.language = language
        self.words = texts["words"]
        self.titles = texts["titles"]
        self.whys = texts["why"]

    def title(self, kind: str, place: Place, sizes: list[int], n_rows: int) -> str:
        """Return the title of a step of a kind at a place; what there is one of is left out."""
        pieces = [self.titles[kind].format(layer=place.layer)]
        n_in, units = sizes[place.layer - 1 : place.layer + 1] if place.layer else (1, 1)
        for key, number, found in [
            ("unit", units, place.unit),
            ("input", n_in, place.input),
            ("row", n_rows, place.row),
        ]:
            if found is not None and number > 1:
                pieces.append(self.words[f"at_{key}"].format(number=found + 1))
        return ", ".join(pieces)

    def why(self, about: str, said: dict[str, Any]) -> str:
        """Return the sentences that say what a step does and why."""
        return self.whys[about].format(**said)


def languages() -> list[str]:
    """Return the languages that there are.

    Examples
    --------
    >>> {"en", "vi"} <= set(languages())
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def catalogue(language: str) -> Catalogue:
    """Return the texts of a language.

    Raises
    ------
    ValueError
        There is no file for it.

    Examples
    --------
    >>> catalogue("vi").words["forward"]
    'Lan truyền tiến'
    """
    known = languages()
    if language not in known:
        raise ValueError(f"language must be one of {', '.join(map(repr, known))}, got {language!r}")
    return _read(language)


@cache
def _read(language: str) -> Catalogue:
    text = (FOLDER / f"{language}.toml").read_text(encoding="utf-8")
    return Catalogue(language, tomllib.loads(text))
