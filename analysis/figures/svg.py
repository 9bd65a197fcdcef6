"""SVG for a page: small, with short identifiers, without fonts, with colours by name."""

import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

COORDINATE: Final = re.compile(r"-?\d+\.\d{2,}")
FONT: Final = re.compile(r"font-family: [^;\"]+;? ?")
SIZE: Final = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
BOX: Final = re.compile(r'<g id="(value\d+)">\s*<path d="([^"]+)"[^>]*/>\s*</g>')
PATH: Final = re.compile(r'<path d="([^"]+)" ((?:clip-path="[^"]*" )?style="[^"]*")/>')
GROUP: Final = re.compile("</?(g|defs|use)")
ROUND: Final = re.compile(
    r'<defs>\s*<path id="([^"]+)" d="M 0 ([\d.]+) C[^"]*" style="stroke: ([^";]+)"/>\s*</defs>\n?'
)
DOTS: Final = re.compile(
    r'<use xlink:href="#([^"]+)" x="[^"]*" y="[^"]*" style="fill: ([^";]+); stroke: \2"/>\n?'
    r'(?:<use xlink:href="#\1" x="[^"]*" y="[^"]*" style="fill: \2; stroke: \2"/>\n?)*'
)
PLACE: Final = re.compile(r' x="([^"]*)" y="([^"]*)"')
TILE: Final = re.compile(
    r'(<pattern [^>]*)width="([\d.]+)" height="\2">(\s*<rect[^>]*>\s*)'
    r'<path d="((?:M-?[\d.]+ -?[\d.]+l[\d.]+ -?[\d.]+)+)" ([^>]*)/>'
)
SLANTED: Final = re.compile(r"M(-?[\d.]+) (-?[\d.]+)l[\d.]+ (-?[\d.]+)")
NUMBER: Final = re.compile(r"-?[\d.]+")
NEW_LINE: Final = "&#10;"
LINE: Final = 10
"""The height of a line of a value's text, in points."""
GAP: Final = 3
"""The distance of this text from its box, in points."""
IDENTIFIER: Final = re.compile(r'(url\(#|xlink:href="#)([^")]+)')


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return SVG in which boxes are values for pointer and keyboard: each has its text as title, and shows it in focus.

    A box is in the order of the Tab key. A pointer shows its title, a screen reader says it; beside it, a text that the
    page shows while the box has the focus, as browsers show titles to pointers alone.

    Parameters
    ----------
    text
        matplotlib's SVG, in points.
    values
        The texts, with line breaks, by the identifiers of their boxes.
    """
    width, height = (float(size) for size in SIZE.findall(text)[0])

    def as_value(box: re.Match[str]) -> str:
        numbers = [float(number) for number in NUMBER.findall(box[2])]
        left, right, top = min(numbers[::2]), max(numbers[::2]), min(numbers[1::2])
        lines = [escape(line) for line in values[box[1]].split("\n")]
        corners = f"{right:.0f} {top:.0f} L {right:.0f} {max(numbers[1::2]):.0f} L {left:.0f} {max(numbers[1::2]):.0f}"
        path = f"M {left:.0f} {top:.0f} L {corners} z"
        title = f'<path class="value" tabindex="0" role="img" d="{path}"><title>{NEW_LINE.join(lines)}</title></path>'
        # Beside the box, where there is more room, and all lines within the picture.
        before = left + right > width
        at, anchor = (left - GAP, ' text-anchor="end"') if before else (right + GAP, "")
        first = min(top + LINE, height - LINE * len(lines))
        step = f'<tspan x="{at:.0f}" dy="{LINE}">'
        shown = f'<tspan x="{at:.0f}">{f"</tspan>{step}".join(lines)}</tspan>'
        return f'{title}<text y="{first:.0f}"{anchor}>{shown}</text>'

    return BOX.sub(as_value, text)


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
    text = text.replace(NEW_LINE, "\n")
    return _merged(_with_small_hatches(_with_round_dots(_without_bare_groups(text))))


def _with_round_dots(text: str) -> str:
    """Return SVG in which filled round markers are ends of lines without length, which take a quarter of the bytes."""

    def as_line(uses: re.Match[str]) -> str:
        if uses[1] not in sizes:
            return uses[0]
        places = "".join(f"M{x} {y}h0" for x, y in PLACE.findall(uses[0]))
        style = f"fill: none; stroke: {uses[2]}; stroke-width: {sizes[uses[1]]:g}; stroke-linecap: round"
        return f'<path d="{places}" style="{style}"/>\n'

    # The radius, and half of the outline on both sides.
    sizes = {identifier: 2 * float(radius) + 1 for identifier, radius, _color in ROUND.findall(text)}
    text = DOTS.sub(as_line, text)
    return ROUND.sub(lambda marker: marker[0] if f'"#{marker[1]}"' in text else "", text)


def _with_small_hatches(text: str) -> str:
    """Return SVG in which the tile of a pattern of slanted lines has a few lines, not two dozen."""

    def small(tile: re.Match[str]) -> str:
        start, size, between, lines, style = tile.groups()
        (x, y, slope), (next_x, next_y, _slope) = (map(float, line) for line in SLANTED.findall(lines)[:2])
        period = abs(next_x - x) + abs(next_y - y)
        if float(size) % period:
            return tile[0]
        end = f"{period:g}"
        drawn = f"M-1 1l2 -2M0 {end}l{end} -{end}M{period - 1:g} {period + 1:g}l2 -2"
        if slope > 0:
            drawn = f"M-1 {period - 1:g}l2 2M0 0l{end} {end}M{period - 1:g} -1l2 2"
        return f'{start}width="{end}" height="{end}">{between}<path d="{drawn}" {style}/>'

    return TILE.sub(small, text)


def _merged(text: str) -> str:
    """Return SVG without invisible paths; grid lines of one style, and equal paths after each other, are one path."""
    lines: list[str] = []
    grid: dict[str, int] = {}
    for line in text.split("\n"):
        path = PATH.fullmatch(line)
        if path is None:
            lines.append(line)
            # The grid of other axes is behind other things.
            if GROUP.match(line):
                grid = {}
            continue
        shape, style = path.groups()
        if style == 'style="fill: none"':
            continue
        # Between grid lines there are the numbers of ticks alone.
        place = grid.get(style, 0) if "var(--grid)" in style and "fill: none" in style else len(lines) - 1
        before = PATH.fullmatch(lines[place])
        if before is not None and before[2] == style and "opacity" not in style:
            lines[place] = f'<path d="{before[1]}{shape}" {style}/>'
            continue
        grid[style] = len(lines)
        lines.append(line)
    return "\n".join(lines)


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
