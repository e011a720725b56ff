"""Bring the pages of the repository to the folder that Sphinx reads, with links that hold there.

Pages link to one another by their places in the repository, so that they can be read there too. On
the site some have another place, and what is no page of the site has none.
"""

import os
import re
import shutil
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

# Pages outside docs/, and where they are on the site.
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benches/README.md": "benchmarks.md",
}
# Folders and files that are linked to, and the page that stands for them.
STANDS_FOR = {
    "docs/decisions": "decisions/index.md",
    "examples": "gallery/index.rst",
    **{
        f"examples/{path.name}": f"gallery/programs/{path.stem}.rst"
        for path in sorted((ROOT / "examples").glob("*.py"))
    },
}
HEADER = "GALLERY_HEADER.rst"
GALLERY = """Gallery
=======

Programs from ``examples/``, run while this site is built, with what they print and draw.
"""
# The sections of the gallery: where their programs are, and how they begin.
SECTIONS = {
    "pictures": (ROOT / "examples" / "gallery", "Pictures", "What ``fastbp.plot`` draws."),
    "programs": (ROOT / "examples", "Programs", "From the smallest problem to real data."),
}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
FIGURE = re.compile(r"<!-- figure: ([\w-]+): (.*?) -->")
FENCE = re.compile(r"^(```|~~~|:::).*?^\1", re.MULTILINE | re.DOTALL)


def places() -> dict[str, str]:
    """Return where each page of the repository is on the site, both as POSIX paths."""
    own = {
        path.relative_to(ROOT).as_posix(): path.relative_to(DOCS).as_posix()
        for path in sorted(DOCS.rglob("*.md"))
    }
    return {**own, **OUTSIDE}


def linked(text: str, source: str, known: dict[str, str]) -> str:
    """Return a page's text with its links changed from the repository's places to the site's.

    What is in the repository and not on the site is named by its path instead. A link to what is
    in neither stays, and Sphinx complains of it.
    """
    here = PurePosixPath(known[source]).parent

    def replaced(match: re.Match[str]) -> str:
        words, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        wanted = os.path.normpath(PurePosixPath(source).parent / target)
        page = known.get(wanted) or STANDS_FOR.get(wanted)
        if page is not None:
            return f"[{words}]({os.path.relpath(page, here)}{anchor})"
        if not (ROOT / wanted).exists():
            return match.group(0)
        return f"`{wanted}`" if words.strip("`") == wanted else f"{words} (`{wanted}`)"

    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [LINK.sub(replaced, text[end : fence.start()]), fence.group(0)]
        end = fence.end()
    return "".join([*parts, LINK.sub(replaced, text[end:])])


def with_figures(text: str) -> str:
    """Return a page's text with its figures, of which the repository has only the names."""

    def shown(match: re.Match[str]) -> str:
        name, words = match.groups()
        images = [
            f"```{{image}} /figures/{name}-{mode}.svg\n:class: only-{mode}\n:alt: {words}\n```"
            for mode in ("light", "dark")
        ]
        return "\n".join(images)

    return FIGURE.sub(shown, text)


def write_changed(path: Path, text: str) -> None:
    """Write a file where it does not hold the text already, so that Sphinx reads it anew."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def bring_pages(target: Path) -> None:
    """Write every page of the site to a folder; pages that have gone are removed from it."""
    known = places()
    for source, place in known.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        write_changed(target / place, with_figures(linked(text, source, known)))
    for old in target.rglob("*.md"):
        if old.relative_to(target).as_posix() not in known.values():
            old.unlink()


def with_title(text: str) -> str:
    """Return a program whose docstring begins with a heading, as sphinx-gallery wants it.

    The heading is the first line up to its colon; what comes after that is the first paragraph.
    """
    first, _, rest = text.removeprefix('"""').partition("\n")
    if not text.startswith('"""') or not first.strip():
        return text
    title, _, more = first.rstrip(".").partition(": ")
    more = f"\n{more[0].upper()}{more[1:]}.\n" if more else ""
    return f'"""\n{title}\n{"=" * len(title)}\n{more}{rest}'


def bring_examples(target: Path) -> None:
    """Write the examples to a folder, as the sections of one gallery."""
    shutil.rmtree(target, ignore_errors=True)
    write_changed(target / HEADER, GALLERY)
    for name, (folder, title, words) in SECTIONS.items():
        header = f"{title}\n{'-' * len(title)}\n\n{words}\n"
        write_changed(target / name / HEADER, header)
        for program in sorted(folder.glob("*.py")):
            text = with_title(program.read_text(encoding="utf-8"))
            write_changed(target / name / program.name, text)
