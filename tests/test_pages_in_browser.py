"""Every page as a browser draws it, at two widths and in print: nothing cut, no text on another.

Of the pages that stand in the repository. Skipped where there is no Chromium or no playwright.
"""

import re
from html import unescape

import pytest
from browser import CLASHES, TOO_WIDE, WIDTHS, browser, opened  # noqa: F401
from conftest import ROOT

from llm4waam.plotting.pages import drawing

PAGES = [f"{name}/{name}{end}.html" for name in ("report", "advice") for end in ("", ".ko")]
STYLE = ROOT / "llm4waam/plotting/page_style.html.j2"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_page_and_no_text_lies_on_another(
    browser: object, name: str, width: int
) -> None:
    page = opened(browser, width, (ROOT / "plots" / name).as_uri())
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(CLASHES) == []
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_in_no_figure_a_text_lies_on_another(browser: object, language: str, width: int) -> None:
    """Of all figures of the repository, on a page or not."""
    files = sorted((ROOT / "plots").rglob("*.svg"))
    files = [file for file in files if not file.name.endswith(".ko.svg")]
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(STYLE.read_text(encoding="utf-8"))
    found = {}
    for file in files:
        drawn = drawing(file.read_text(encoding="utf-8"), language)
        page.evaluate("drawn => { document.body.innerHTML = drawn }", drawn)
        found[str(file)] = page.evaluate(CLASHES) + page.evaluate(TOO_WIDE)
    assert len(files) > 30
    assert {name: texts for name, texts in found.items() if texts} == {}
    page.close()


def test_what_is_too_wide_and_what_clashes_would_be_seen(browser: object) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    text = "<text x='10' y='20'>one</text><text x='12' y='22'>two</text>"
    page.set_content(f"<p style='width: 500px'>x</p><svg width='100'>{text}</svg>")
    assert len(page.evaluate(TOO_WIDE)) == 1
    assert page.evaluate(CLASHES) == ["one | two"]
    page.close()


@pytest.mark.parametrize("name", PAGES[:2])
def test_all_of_the_report_is_printed_on_eight_to_ten_sheets(browser: object, name: str) -> None:
    """What is folded on the screen is open in print."""
    page = browser.new_page()
    page.goto((ROOT / "plots" / name).as_uri())
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 8 <= sheets <= 10
    assert page.evaluate("[...document.querySelectorAll('details')].every(one => one.open)")
    page.close()


# What stays in Latin letters on a Korean page: names, units, codes of wires, files and settings.
KEPT = re.compile(
    r"<code>.*?</code>|(?<![A-Za-z])(?:BERT|RoBERTa|MiniLM|CatBoost|Trainer|AdamW|TF-IDF|SVM|RBF"
    r"|McNemar|Holm|English|transformers|Shapley|WAAM|CC0|GMAW|CMT|Ar|R²|F1|RMSE|MAE|MSE|CV|A4|nat"
    r"|Ti-6Al-4V|ER\w+(?:-6)?|EU|[A-Z]{1,3}-[A-Z]-\d+|mm|min|cm|[JVAL]"
    r"|(?:pulsed|short-circuit) GMAW)(?![A-Za-z])",
    re.DOTALL,
)


@pytest.mark.parametrize("name", [name for name in PAGES if ".ko" in name])
def test_a_korean_page_holds_no_english_sentence(name: str) -> None:
    """Three words of Latin letters in a row are one, in a figure, a table or the text."""
    page = (ROOT / "plots" / name).read_text(encoding="utf-8")
    page = re.sub(r"<style.*?</style>|<head.*?</head>", "", page, flags=re.DOTALL)
    pieces = [unescape(one) for one in re.findall(r">([^<>]+)<", KEPT.sub("", page))]
    english = [one for one in pieces if re.search(r"(?:\b[A-Za-z][a-z]+\b[ ,]+){2}[A-Za-z]+", one)]
    assert english == []
    words = re.findall(r"<text[^>]*>([^<]+)</text>", KEPT.sub("", page))
    assert [one for one in words if re.search(r"[a-z]{4}", one)] == []
