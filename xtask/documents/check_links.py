"""Follows every link of a built HTML folder and of Markdown files; the ones inside must lead somewhere.

Links to other sites are counted, not followed: the check must pass without a network. A page that loads a script, a
style or a font from another site fails, because the book has to read the same offline.

    python check_links.py target/book README.md CONTRIBUTING.md
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
MARKDOWN_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
MARKDOWN_HTML = re.compile(r"""<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)=["']([^"']+)["']""")


class Page(HTMLParser):
    """Links, loaded files and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[int, str]] = []
        self.loaded: list[tuple[int, str]] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects what the tag refers to and what it can be referred to by."""
        values = {name: value for name, value in attrs if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        line = self.getpos()[0]
        if tag in LOADED and LOADED[tag] in values:
            self.loaded.append((line, values[LOADED[tag]]))
        elif tag == "link" and "href" in values:
            kinds = values.get("rel", "").split()
            (self.links if "canonical" in kinds else self.loaded).append((line, values["href"]))
        elif tag == "a" and "href" in values:
            self.links.append((line, values["href"]))


def is_elsewhere(link: str) -> bool:
    """Whether a link leaves the folder."""
    parts = urlsplit(link)
    return bool(parts.scheme or parts.netloc)


def target_of(page: Path, link: str, root: Path) -> tuple[Path, str]:
    """The file and the anchor a link points at."""
    parts = urlsplit(link)
    if not parts.path:
        return page, unquote(parts.fragment)
    base = root if parts.path.startswith("/") else page.parent
    path = (base / unquote(parts.path).lstrip("/")).resolve()
    return (path / "index.html" if path.is_dir() else path), unquote(parts.fragment)


def check_folder(folder: Path) -> tuple[list[str], int, int]:
    """Problems of a folder of HTML pages, how many links were followed, and how many lead elsewhere."""
    folder = folder.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    problems: list[str] = []
    followed = elsewhere = 0
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are relative to wherever it is shown
        for line, link in page.loaded + page.links:
            place = f"{path.relative_to(folder)}:{line}"
            if link.startswith("data:"):
                continue
            if is_elsewhere(link) or link.startswith("//"):
                elsewhere += 1
                if (line, link) in page.loaded:
                    problems.append(f"{place}: loads {link} from another site")
                continue
            followed += 1
            target, anchor = target_of(path, link, folder)
            if not target.exists():
                problems.append(f"{place}: {link} leads nowhere")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                problems.append(f"{place}: {link}: the page has no {anchor!r}")
    if not pages:
        problems.append(f"{folder}: no page")
    return problems, followed, elsewhere


def check_markdown(path: Path) -> tuple[list[str], int, int]:
    """The same for one Markdown file, whose links must be files beside it."""
    problems: list[str] = []
    followed = elsewhere = 0
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if re.match(r"^ {0,3}(```|~~~)", line):
            fenced = not fenced
        if fenced:
            continue
        line = re.sub(r"`[^`]*`", "", line)
        for link in MARKDOWN_LINK.findall(line) + MARKDOWN_HTML.findall(line):
            if is_elsewhere(link):
                elsewhere += 1
            elif not link.startswith("#"):
                followed += 1
                if not (path.parent / unquote(urlsplit(link).path)).exists():
                    problems.append(f"{path}:{number}: {link} leads nowhere")
    return problems, followed, elsewhere


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    problems: list[str] = []
    followed = elsewhere = 0
    for argument in map(Path, arguments):
        found, inside, outside = check_folder(argument) if argument.is_dir() else check_markdown(argument)
        problems += found
        followed += inside
        elsewhere += outside
    for problem in problems:
        print(problem)
    print(f"{followed} links followed, {elsewhere} to other sites not followed, {len(problems)} problems")
    return 1 if problems or followed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
