"""The pages that people read: where they are, and the links and blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PICTURES: Final = ROOT / "analysis" / "pictures"
CHINESE: Final = "analysis/locale/README.zh.md"
PAGES: Final = (
    "README.md",
    CHINESE,
    "collector/README.md",
    "collector/CHANGES.md",
    "analysis/README.md",
    "notebooks/README.md",
    "tests/README.md",
    "data/README.md",
)
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of a page between two fences."""

    page: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """The page and the first line of the block, by which a test names it."""
        return f"{self.page}: {self.text.partition(chr(10))[0]}"


def text_of(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = text_of(page)
    return [Block(page, text.count("\n", 0, fence.start()) + 1, fence[1], fence[2]) for fence in FENCE.finditer(text)]


def links_of(page: str) -> list[str]:
    """Return the targets of the links and pictures of a page, without those in blocks."""
    return LINK.findall(FENCE.sub("", text_of(page)))


def anchors_of(page: str) -> set[str]:
    """Return the anchors of the headings of a page, as they are on GitHub."""
    headings = HEADING.findall(FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
