"""How the site is made of the pages in docs: what `docs/build.py` does beside Sphinx."""
