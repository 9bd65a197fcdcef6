"""SVG for a page: small, with short identifiers, without fonts, with colours by name."""

import re
from collections.abc import Mapping
from typing import Final

COORDINATE: Final = re.compile(r"-?\d+\.\d{2,}")
FONT: Final = re.compile(r"font-family: [^;\"]+;? ?")
IDENTIFIER: Final = re.compile(r'(url\(#|xlink:href="#)([^")]+)')


def slim(text: str, name: str, colors: Mapping[str, str]) -> str:
    """Return matplotlib's SVG without the parts that a page does not need; text stays text, and is not drawn as paths.

    Parameters
    ----------
    name
        The beginning of all identifiers.
    colors
        Colours by their names in the page: a colour becomes ``var(--NAME)``, which the page defines.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = COORDINATE.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
    text = re.sub(r' d="([^"]+)"', lambda path: f' d="{_shortened(path[1])}"', text)
    # Grid lines end at their axes by themselves.
    text = re.sub(r'(<path d="M[\d. ]+[hv]-?[\d.]+") clip-path="[^"]*"', r"\1", text)
    text = FONT.sub("", text)
    for color_name, color in colors.items():
        text = re.sub(color, f"var(--{color_name})", text, flags=re.IGNORECASE)
    text = text.replace("rotate(-0 ", "rotate(0 ")
    text = re.sub(r' transform="rotate\(0 [^"]*\)"', "", text)
    # Identifiers without a reference are removed, the others are shortened.
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    short = {identifier: f"{name}{place}" for place, identifier in enumerate(used)}
    text = re.sub(r' id="([^"]+)"', lambda match: f' id="{short[match[1]]}"' if match[1] in short else "", text)
    text = IDENTIFIER.sub(lambda match: match[1] + short[match[2]], text)
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)).strip()
    return _without_bare_groups(text)


def _without_bare_groups(text: str) -> str:
    """Return SVG without empty groups, and without the tags of groups that have no attributes."""
    open_: list[bool] = []
    tokens = []
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
            tokens.append(token)
    return "".join(tokens)


def _shortened(path: str) -> str:
    """Return a path of straight lines in relative coordinates, without steps of no length."""
    words = path.split()
    if set(words) & set("CQSTAHVmlhvc"):
        return " ".join(words)
    commands = []
    x = y = 0.0
    place = 0
    while place < len(words):
        command = words[place]
        if command not in ("M", "L"):
            commands.append(command)
            place += 1
            continue
        to_x, to_y = float(words[place + 1]), float(words[place + 2])
        dx, dy = (f"{round(to - at, 1):g}" for to, at in ((to_x, x), (to_y, y)))
        if command == "M":
            commands.append(f"M{to_x:g} {to_y:g}")
        elif dy == "0" and dx != "0":
            commands.append(f"h{dx}")
        elif dx == "0" and dy != "0":
            commands.append(f"v{dy}")
        elif dx != "0":
            commands.append(f"l{dx} {dy}")
        x, y = to_x, to_y
        place += 3
    return "".join(commands)
