"""Generated text between two comments of a Markdown file: `<!-- NAME: begin -->` and `end`."""

from pathlib import Path


def fill(path: Path, name: str, body: str, check: bool) -> bool | None:
    """Put the body between a file's markers.

    Parameters
    ----------
    path : Path
    name : str
        What the two comments are called.
    body : str
    check : bool
        Whether to compare only, and write nothing.

    Returns
    -------
    bool or None
        Whether the file already had this body; None for no such file or no such markers.
    """
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        return None
    new = f"{before}{begin}\n{body.strip()}\n{end}{after}"
    if new != text and not check:
        path.write_text(new, encoding="utf-8")
    return new == text


def fill_all(bodies: dict[Path, str], name: str, check: bool) -> int:
    """Fill each file that has the markers, say what was done, and return an exit code.

    With check that is 1 for a file whose body is another one.
    """
    code = 0
    for path, body in bodies.items():
        same = fill(path, name, body, check)
        if same is None:
            print(f"{path.name}: no markers '{name}'")
        elif same:
            print(f"{path.name}: up to date")
        elif check:
            print(f"{path.name}: the block '{name}' is stale")
            code = 1
        else:
            print(f"{path.name}: written")
    return code
