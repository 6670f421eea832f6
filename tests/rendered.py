"""What a browser makes of a page: what is cut, hidden or drawn over something else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# An element that reaches over the edge of the page, and is not inside a box that is moved; a text
# of a figure that overlaps another or leaves its panel.
FAULTS = """() => {
  const found = [], wide = document.documentElement.clientWidth;
  const said = (e) => e.textContent.trim().slice(0, 40);
  for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect();
    const head = e.closest('thead');  // of a table whose rows are blocks it is out of sight
    if (!box.width || (head && getComputedStyle(head).position === 'absolute')) continue;
    if (box.right > wide + 1 || box.left < -1) found.push(`wide: ${e.tagName} ${said(e)}`);
  }
  for (const drawing of document.querySelectorAll('.panels')) {
    const texts = [...drawing.querySelectorAll('text')].map((e) => [e, e.getBoundingClientRect()]);
    for (const [e, box] of texts) {
      const panel = e.closest('svg').getBoundingClientRect();
      if (box.left < panel.left - 1 || box.right > panel.right + 1) found.push(`cut: ${said(e)}`);
      for (const [other, its] of texts) {
        if (e === other || !(e.compareDocumentPosition(other) & 4)) continue;
        const x = Math.min(box.right, its.right) - Math.max(box.left, its.left);
        const y = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
        if (x > 1.5 && y > 2.5) found.push(`overlap: ${said(e)} | ${said(other)}`);
      }
    }
  }
  return found;
}"""


@contextmanager
def browser() -> Iterator[object]:
    """Headless Chromium; the test is skipped where it, or playwright, is not there."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium to draw the page with")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def faults(opened: object, file: Path, width: int) -> list[str]:
    """What is wrong with a page in a window of so many pixels."""
    page = opened.new_page(viewport={"width": width, "height": 1000})
    page.goto(file.resolve().as_uri())
    found = page.evaluate(FAULTS)
    page.close()
    return found
