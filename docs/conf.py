"""Settings of Sphinx; `python docs/build.py` prepares what it reads."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "build" / "docs"
sys.path.insert(0, str(HERE))

import fastbp  # noqa: E402

project = "fastbp"
author = "The fastbp developers"
copyright = author
version = release = fastbp.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "building.cross_references",
]
root_doc = "index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["**/GALLERY_HEADER.rst", "**/sg_execution_times.rst", "sg_execution_times.rst"]

# A name in single backquotes is a link where it is known, and code where it is not.
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", r".*")]
autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# Arguments that are not described, described ones that are not there, sections out of order. The
# twin's arguments are the package's, and what calls return nobody makes by hand.
numpydoc_validation_checks = {"PR01", "PR02", "GL07"}
RETURNED = ("Gradients$", "Training$", r"health\.", r"gradient_check\.")
numpydoc_validation_exclude = {r"\.reference\.", *(rf"\.{name}" for name in RETURNED)}

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

html_theme = "pydata_sphinx_theme"
html_title = f"fastbp {release}"
html_static_path = [str(HERE / "static"), str(BUILT / "static")]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "changelog": []}

sphinx_gallery_conf = {
    "examples_dirs": [str(BUILT / "examples")],
    "gallery_dirs": ["gallery"],
    "default_thumb_file": str(BUILT / "static" / "thumbnail.png"),
    "nested_sections": True,
    "download_all_examples": False,
    # Fashion-MNIST wants its files and a minute.
    "filename_pattern": r"^(?!.*fashion_mnist).*\.py$",
    "abort_on_example_error": True,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": True,
    "min_reported_time": 1_000,
}
