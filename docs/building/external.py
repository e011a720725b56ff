"""Find what a browser would load from elsewhere while it shows the pages of the site."""

import re
from html.parser import HTMLParser
from pathlib import Path

# Attributes that a browser follows by itself, and links that it fetches without a click.
LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
FETCHED = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "manifest"}
FETCHED |= {"dns-prefetch", "shortcut", "apple-touch-icon"}
ELSEWHERE = re.compile(r"^\s*(?:[a-z]+:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"(?:url\(\s*|@import\s+)[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


class Loads(HTMLParser):
    """Collects the addresses on other machines that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of a tag."""
        given = {name: value or "" for name, value in attrs}
        names = LOADING.get(tag, ())
        if tag == "link" and FETCHED & set(given.get("rel", "").lower().split()):
            names = ("href",)
        for name in names:
            addresses = (
                given.get(name, "").split(",") if name == "srcset" else [given.get(name, "")]
            )
            self.found += [text.strip() for text in addresses if ELSEWHERE.match(text)]
        self.found += IN_STYLES.findall(given.get("style", ""))
        self._is_style = tag == "style"

    def handle_data(self, data: str) -> None:
        """Look at the text of a style."""
        if self._is_style:
            self.found += IN_STYLES.findall(data)


def loaded_from_elsewhere(folder: Path) -> list[tuple[str, str]]:
    """Return (file, address) of all that pages and styles under a folder load from elsewhere."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = Loads()
        page.feed(path.read_text(encoding="utf-8"))
        found += [(path.relative_to(folder).as_posix(), address) for address in page.found]
    for path in sorted(folder.rglob("*.css")):
        addresses = IN_STYLES.findall(path.read_text(encoding="utf-8"))
        found += [(path.relative_to(folder).as_posix(), address) for address in addresses]
    return found
