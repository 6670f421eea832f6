"""Pictures of the desk for the READMEs: `python -m benchmarks.desk_picture`.

Writes docs/desk.png and docs/desk.ko.png: a log is pasted, read into the form and answered, by the
final models of this folder. It needs requirements-desk.txt and the browser of the tests.
"""

from io import BytesIO

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.desk import CHROMIUM, running
from benchmarks.measure import ROOT

LOGS = {
    "en": "316L 1.2 mm, CMT, WFS 6.5 m/min, TS 72 cm/min, CTWD 15, Ar+2%CO2, bead 120 mm",
    "ko": "316L 1.2 mm, CMT, 송급 6.5 m/min, 이송속도 72 cm/min, CTWD 15, Ar+2%CO2, 길이 120 mm",
}
FILES = {"en": "desk.png", "ko": "desk.ko.png"}
SIZE = {"width": 1280, "height": 1000}
COLOURS = 128  # enough for a page, and a small file


def main() -> None:
    """Take both pictures."""
    with running() as (address, *_), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language, log in LOGS.items():
            page = browser.new_page(viewport=SIZE)
            page.goto(address)
            if language == "ko":
                page.get_by_label("한국어", exact=True).click()
            page.fill("#log textarea", log)
            page.click("#read-log")
            page.wait_for_selector("#understood li")
            page.click("#ask")
            page.wait_for_selector("#answer .answer:not(:has(.waiting)) figure >> nth=1")
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(500)
            with Image.open(BytesIO(page.screenshot())) as picture:
                small = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)
                small.save(ROOT / "docs" / FILES[language], optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
