"""SVG that stands in a page: small, without an identifier or a font of its own, its colours by name."""

import re
from collections.abc import Mapping
from typing import Final

COORDINATE: Final = re.compile(r"-?\d+\.\d{2,}")
FONT: Final = re.compile(r"font-family: [^;\"]+;? ?")
IDENTIFIER: Final = re.compile(r'(url\(#|xlink:href="#)([^")]+)')


def slim(text: str, name: str, colors: Mapping[str, str]) -> str:
    """Return what matplotlib drew without what a page does not need; its text stays text.

    Parameters
    ----------
    name
        Of it all identifiers are made.
    colors
        By name: each becomes ``var(--name)``, which the page sets.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = COORDINATE.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
    text = re.sub(r' d="([^"]+)"', lambda path: f' d="{_shortened(path[1])}"', text)
    # Lines of a grid end where their axes do.
    text = re.sub(r'(<path d="M[\d. ]+[hv]-?[\d.]+") clip-path="[^"]*"', r"\1", text)
    text = FONT.sub("", text)
    for called, color in colors.items():
        text = re.sub(color, f"var(--{called})", text, flags=re.IGNORECASE)
    text = text.replace("rotate(-0 ", "rotate(0 ")
    text = re.sub(r' transform="rotate\(0 [^"]*\)"', "", text)
    # What nothing refers to needs no name, others a short one.
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    short = {each: f"{name}{place}" for place, each in enumerate(used)}
    text = re.sub(r' id="([^"]+)"', lambda each: f' id="{short[each[1]]}"' if each[1] in short else "", text)
    text = IDENTIFIER.sub(lambda each: each[1] + short[each[2]], text)
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)).strip()
    return _without_bare_groups(text)


def _without_bare_groups(text: str) -> str:
    """Leave out groups that say nothing of what is in them, or have nothing in them."""
    open_: list[bool] = []
    said = []
    for token in re.split(r"(</?g\b[^>]*>\n?)", text):
        if re.match("<g[^>]*/>", token):
            kept = False
        elif token.startswith("<g"):
            open_.append(token.strip() != "<g>")
            kept = open_[-1]
        elif token.startswith("</g"):
            kept = open_.pop()
        else:
            kept = True
        if kept:
            said.append(token)
    return "".join(said)


def _shortened(path: str) -> str:
    """Say a path of straight lines relatively, and leave out where it does not move."""
    words = path.split()
    if set(words) & set("CQSTAHVmlhvc"):
        return " ".join(words)
    said = []
    x = y = 0.0
    place = 0
    while place < len(words):
        command = words[place]
        if command not in ("M", "L"):
            said.append(command)
            place += 1
            continue
        to_x, to_y = float(words[place + 1]), float(words[place + 2])
        dx, dy = (f"{round(to - at, 1):g}" for to, at in ((to_x, x), (to_y, y)))
        if command == "M":
            said.append(f"M{to_x:g} {to_y:g}")
        elif dy == "0" and dx != "0":
            said.append(f"h{dx}")
        elif dx == "0" and dy != "0":
            said.append(f"v{dy}")
        elif dx != "0":
            said.append(f"l{dx} {dy}")
        x, y = to_x, to_y
        place += 3
    return "".join(said)
