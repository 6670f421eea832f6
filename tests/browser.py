"""What tests in a real browser share: Chromium, and what it says of a page that does not fit.

Importing it skips the tests of a file where there is no Chromium or no playwright.
"""

import shutil
from collections.abc import Iterator

import pytest

sync = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium", allow_module_level=True)

WIDTHS = (400, 1200)  # a telephone and a desk
# Elements that reach over the side of the page; what is moved away for screen readers is none.
TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > -100 && (box.right > innerWidth + 1 || box.left < -1);
}).map(one => one.outerHTML.slice(0, 90))"""
# Texts of a drawing that leave it, or lie on another one by more than a pixel both ways. A turned
# text counts by its own box, since the box of its outline is empty at the corners.
CLASHES = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim());
  const boxes = texts.map(one => one.getBoundingClientRect());
  const turned = texts.map(one => /rotate\\(-(?!0 |90)/.test(one.getAttribute('transform') || ''));
  const out = boxes.flatMap((box, n) =>
    box.left < frame.left - 1.5 || box.right > frame.right + 1.5 ? [texts[n].textContent] : []);
  const on = boxes.flatMap((one, n) => boxes.slice(n + 1).flatMap((two, k) => {
    const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
    const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
    // The height of a line holds room above and below its letters.
    const least = 0.3 * Math.min(one.height, two.height);
    if (wide <= 1 || high <= least || turned[n] || turned[n + 1 + k]) return [];
    return [texts[n].textContent + ' | ' + texts[n + 1 + k].textContent];
  }));
  return [...out, ...on];
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A headless Chromium."""
    with sync.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: object, width: int, address: str) -> object:
    """A page at a width, with all that is folded open."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    return page
