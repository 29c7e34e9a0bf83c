"""Every link and anchor of a built site, looked up in its files; nothing may be fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """Links, anchors and what a browser would fetch, of one page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.anchors.add(value)
            if value and (tag, key) in FETCHED and dict(attrs).get("rel") not in ("canonical", "alternate"):
                self.fetched.append(value)
            if value and key in ("href", "src"):
                self.links.append(value)


def broken_links(site: Path) -> list[str]:
    """``page: link`` of all that leads nowhere, and of all that is fetched from another server."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are from the top of a server
        name = path.relative_to(site).as_posix()
        found += [f"{name}: fetches {url}" for url in page.fetched if urlsplit(url).netloc]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            missing = not target.exists()
            if missing or (anchor and target in pages and anchor not in pages[target].anchors | {"__tabbed"}):
                found.append(f"{name}: {link}")
    return found
