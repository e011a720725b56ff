"""Names in docstrings are looked up in fastbp's own namespace too, whichever module they are in."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def in_fastbp(app: Sphinx, env: Any, node: Any, contents: nodes.Element) -> nodes.Element | None:
    """Return a link to `fastbp.NAME` for a NAME that is not known where it stands."""
    if node.get("refdomain") != "py":
        return None
    wanted = f"fastbp.{node['reftarget'].removeprefix('fb.')}"
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], wanted, node, contents
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the look-up with Sphinx."""
    app.connect("missing-reference", in_fastbp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
