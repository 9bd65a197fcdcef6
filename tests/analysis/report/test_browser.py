"""The demo's report in a real browser: sorting, filtering, printing, dark mode, keyboard, and the rules of axe."""

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.polling import GUARD_SECONDS
from tests.reported import HOSTILE, name_pools, small_demo, write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: apt-get install chromium fonts-noto-cjk"
)
WIDE, NARROW = {"width": 1440, "height": 1200}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the demo's own report, and one of its record in Chinese, with a pool of a hostile name."""
    folder, demo = tmp_path_factory.mktemp("browser"), small_demo(tmp_path_factory) / "data/demo"
    (english,) = (demo / "reports").glob("*.html")
    database = Path(shutil.copyfile(demo / "demo.duckdb", folder / "demo.duckdb"))
    name_pools(database, {"pool-hostile": HOSTILE[0]})
    assert 0 == write(database, folder / "zh", "--lang", "zh", "--slo", "15m", "--zone", "Asia/Shanghai")
    (chinese,) = (folder / "zh").glob("*.html")
    return {"en": english, "zh": chinese}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # As root, which containers are, its own sandbox does not start; it opens our own files alone.
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=GUARD_SECONDS * 1000
        )
        yield started
        started.close()


@pytest.fixture(params=["en", "zh"])
def page(request: pytest.FixtureRequest, browser: Browser, reports: dict[str, Path]) -> Iterator[Page]:
    """Open a report; at the end the file is the only request, and the console is empty."""
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]  # a size
    context.set_default_timeout(GUARD_SECONDS * 1000)
    opened = context.new_page()
    requests, messages = [], []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda message: messages.append(message.text))
    opened.on("pageerror", lambda error: messages.append(str(error)))
    opened.goto(reports[request.param].as_uri())
    yield opened
    assert [reports[request.param].as_uri()] == requests
    assert [] == messages
    context.close()


def first_cells(page: Page) -> list[str]:
    rows = page.locator("table.sortable tbody tr:not([hidden]) th")
    return [" ".join(text.split()) for text in rows.all_inner_texts()]


def jobs(page: Page) -> list[int]:
    cells = page.locator("table.sortable tbody tr:not([hidden]) td:nth-child(2)").all_inner_texts()
    return [int(cell.replace(",", "")) for cell in cells]


def test_pools_are_sorted_by_any_column(page: Page) -> None:
    """A click sorts by number, not by text, another in reverse; screen readers learn the order; keys do the same."""
    button = page.locator("table.sortable thead button").nth(1)
    heading = page.locator("table.sortable thead th").nth(1)
    before = jobs(page)
    button.click()
    assert sorted(before) == jobs(page)
    assert "ascending" == heading.get_attribute("aria-sort")
    button.focus()
    page.keyboard.press("Enter")
    assert sorted(before, reverse=True) == jobs(page)
    assert "descending" == heading.get_attribute("aria-sort")
    page.locator("table.sortable thead button").nth(0).click()
    assert sorted(first_cells(page), key=str.casefold) == first_cells(page)
    assert heading.get_attribute("aria-sort") is None


def test_pools_are_filtered_by_name(page: Page) -> None:
    """Rows without the typed text are hidden, and the rest are counted; an empty filter shows all."""
    every = first_cells(page)
    page.locator(".filter input").fill("VISION")
    assert ["Vision research"] == first_cells(page)
    assert f"1 / {len(every)}" == page.locator(".filter output").inner_text()
    page.locator(".filter input").fill("")
    assert every == first_cells(page)


def test_without_a_script_the_page_has_the_same_content(browser: Browser, reports: dict[str, Path], page: Page) -> None:
    """The same sections and pictures, and no button, which would do nothing."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(GUARD_SECONDS * 1000)
    plain = context.new_page()
    plain.goto(reports["en"].as_uri())
    assert 0 == plain.locator("button, input").count()
    assert page.locator("section h2").count() == plain.locator("section h2").count()
    assert page.locator("svg").count() == plain.locator("svg").count()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(page: Page, scheme: str) -> None:
    """Headings, names, contrast and keyboard, in both colour schemes; all rules, not only the serious ones."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    for details in page.locator("details").all():
        details.evaluate("element => element.open = true")
    violations = Axe().run(page).response["violations"]
    assert [] == [(rule["id"], [node["html"] for node in rule["nodes"][:3]]) for rule in violations]


def test_dark_mode_turns_pictures_too(page: Page) -> None:
    """Page and pictures take the colours of the scheme: light on dark, dark on light."""

    def brightness(selector: str, style: str) -> float:
        color = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{style}")
        return sum(float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]) / 3

    page.emulate_media(color_scheme="light")
    assert brightness("body", "backgroundColor") > 200
    assert brightness("svg text", "fill") < 100
    page.emulate_media(color_scheme="dark")
    assert brightness("body", "backgroundColor") < 60
    assert brightness("svg text", "fill") > 180


def test_it_is_readable_on_a_telephone(page: Page) -> None:
    """At 390 pixels the page does not scroll sideways; wide tables scroll by themselves, by keys too."""
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a size
    assert 390 == page.evaluate("document.documentElement.scrollWidth")
    regions = page.locator(".scroll")
    assert page.locator("table").count() == regions.count() == page.locator(".scroll[tabindex='0']").count()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_first_screen_says_what_to_do(page: Page, width: int, height: int) -> None:
    """Every action, with its reason, and the lines below are above the fold; on a wide screen the picture too."""
    page.set_viewport_size({"width": width, "height": height})
    actions = page.locator(".actions li, .remark, .lines div").all()
    wanted = [*actions, *(page.locator(".first figure").all() if width > 1000 else [])]
    boxes = [box for box in (element.bounding_box() for element in wanted) if box is not None]
    assert len(wanted) == len(boxes) > 0
    assert max(box["y"] + box["height"] for box in boxes) <= height
    assert page.locator("h2").first.inner_text() in ("What to do", "行动建议")


CLIPPED = """[...document.querySelectorAll("body, body *:not(svg *)")]
    .filter(element => getComputedStyle(element).display !== "inline" && element.clientWidth > 0)
    .filter(element => element.scrollWidth > element.clientWidth + 1)
    .map(element => element.tagName + ": " + element.textContent.trim().slice(0, 40))"""


@pytest.mark.parametrize("width", [390, 768, 1440, 1920])
def test_nothing_is_clipped(page: Page, width: int) -> None:
    """At no width does the page, a table or a picture scroll sideways, with all series open."""
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(element => element.open = true)")
    assert width == page.evaluate("document.documentElement.scrollWidth")
    assert [] == page.evaluate(CLIPPED)


def test_it_prints_on_few_pages(page: Page) -> None:
    """The demo's report on at most ten pages of A4, and what it says of its folded series stands there."""
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 10
    page.emulate_media(media="print")
    for warning in page.locator(".notes, .refusal, .warning, .folded summary span").all():
        assert warning.is_visible() or warning.evaluate("element => element.closest('details:not([open])') !== null")


def test_series_without_findings_are_folded(page: Page) -> None:
    """Each opens at its summary, which has its estimates; a link from the table of pools leads to it."""
    folded = page.locator(".folded details")
    assert 0 < folded.count()
    assert not folded.first.locator("table").first.is_visible()
    folded.first.locator("summary").click()
    assert folded.first.locator("table").first.is_visible()
    assert "%" in folded.first.locator("summary span").inner_text()


def test_print_is_black_on_white_and_whole(page: Page) -> None:
    """On A4: no filter and no links, every section, also from dark mode; nothing wider than the paper."""
    page.emulate_media(media="print", color_scheme="dark")
    assert "rgb(255, 255, 255)" == page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert not page.locator(".filter").is_visible()
    assert not page.locator("nav").is_visible()
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins, 96 dots an inch
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    widest = page.evaluate("Math.max(...[...document.querySelectorAll('table')].map(table => table.scrollWidth))")
    assert widest <= 688
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")


def test_keys_reach_everything_in_order(page: Page) -> None:
    """First the link that skips the others, then the page; the focus is visible."""
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("element => element === document.activeElement")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate("document.activeElement.closest('main') !== null")
    assert inside
    assert "none" != page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


def test_a_page_loads_nothing_else(browser: Browser, reports: dict[str, Path]) -> None:
    """From a server on loopback the browser requests the page alone: no icon, font or picture."""
    requests: list[bytes] = []
    page = reports["en"].read_bytes()

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                requests.append(client.recv(65536).partition(b" HTTP")[0])
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + page)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        context = browser.new_context()
        context.set_default_timeout(GUARD_SECONDS * 1000)
        opened = context.new_page()
        opened.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/report.html", wait_until="networkidle")
        context.close()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert {b"GET /report.html"} == {request for request in requests if request and b"favicon" not in request}
