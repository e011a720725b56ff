"""Build the site of the documentation, without a network, and check that it needs none.

    python docs/build.py            build it; any warning is an error
    python docs/build.py --clean    from nothing

The pages come to build/docs/html. `pip install ".[docs]"` brings all that this needs.
"""

import shutil
import sys

from building.external import loaded_from_elsewhere
from building.mathjax import bring_mathjax
from building.pages import DOCS, ROOT, bring_examples, bring_pages
from building.reference import write_reference
from building.thumbnail import draw_thumbnail
from building.timings import draw_timings
from sphinx.cmd.build import main as sphinx

OUT = ROOT / "build" / "docs"


def main() -> int:
    """Build the site; return 1 where Sphinx warns or a page loads something from elsewhere."""
    if "--clean" in sys.argv[1:]:
        shutil.rmtree(OUT, ignore_errors=True)
    source, html = OUT / "source", OUT / "html"
    bring_pages(source)
    bring_examples(OUT / "examples")
    draw_timings(source / "figures")
    draw_thumbnail(OUT / "static" / "thumbnail.png")
    bring_mathjax(OUT / "static" / "mathjax")
    write_reference(source / "api")
    strict = ["-n", "-W", "--keep-going", "-q", "-j", "2"]
    doctrees = OUT / "doctrees"
    places = ["-c", DOCS, "-d", doctrees, source, html]
    if sphinx([*strict, *map(str, places)]):
        # Or the next build would pass over the pages that it has read, and their warnings.
        shutil.rmtree(doctrees, ignore_errors=True)
        return 1
    found = loaded_from_elsewhere(html)
    for page, address in found:
        print(f"{page} loads {address}")
    if not found:
        print(f"{html.relative_to(ROOT)}/index.html: built; no page loads anything from elsewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
