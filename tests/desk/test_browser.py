"""The desk in a real browser, as a welder uses it. Skipped where there is no Chromium."""

import json
import re
from pathlib import Path

import pytest
from browser import CLASHES, TOO_WIDE, browser  # noqa: F401
from running_desk import address  # noqa: F401

from llm4waam.desk.wording import said

LOG = "316L, CMT, WFS 7 m/min, TS 30 cm/min, CTWD 15, bead 100 mm, plate wet, maybe 14 V"
WIDTHS = (390, 1280)
PATIENCE_MS = 60_000


class Desk:
    """A page that is open, and what a person does with it."""

    def __init__(self, browser: object, address: str, width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.on("pageerror", lambda one: self.errors.append(str(one)))
        self.page.on("dialog", lambda one: self.errors.append(one.message))
        self.page.goto(address)
        self.page.wait_for_selector("#ask")

    def box(self, column: str) -> object:
        return self.page.locator(f".column-{column} :is(input, textarea)").first

    def read_log(self, text: str) -> None:
        self.page.fill("#log textarea", text)
        self.page.click("#read-log")
        self.page.wait_for_selector("#understood li")

    def ask(self) -> None:
        self.page.click("#ask")
        self.page.wait_for_selector("#answer .answer")

    def wait_for_all(self) -> None:
        self.page.wait_for_selector("#answer .waiting", state="detached")

    def switch_to(self, language: str) -> None:
        self.page.get_by_label(language, exact=True).click()

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


@pytest.fixture
def opened(browser, address: str):
    """A function that opens the desk at a width; what is opened is closed, and nothing went wrong.

    Nothing was asked of another host, and no script of a user ran.
    """
    found: list[Desk] = []

    def open_(width: int = 1280) -> Desk:
        found.append(Desk(browser, address, width))
        return found[-1]

    yield open_
    for one in found:
        assert one.errors == []
        outside = [u for u in one.asked if not u.startswith((address, "data:", "blob:"))]
        assert outside == []
        one.context.close()


def test_a_log_fills_the_form_and_is_answered(opened) -> None:
    desk = opened()
    desk.read_log(LOG)
    assert "'14 V': may be another's" in desk.text("#understood")
    assert desk.box("material").input_value() == "ER316L"
    assert desk.box("travel_speed_mm_s").input_value() == "30"
    assert desk.page.input_value(".unit-travel_speed_mm_s input") == "cm/min"
    assert desk.box("note").input_value() == "plate wet"
    assert "6–180 cm/min" in desk.text(".column-travel_speed_mm_s")
    desk.ask()
    desk.wait_for_all()
    answer = desk.text("#answer")
    for heading in ("closed formula", "90 % interval", "Why", "Process map", "In words"):
        assert heading in answer
    assert desk.page.locator("#answer figure svg").count() >= 2
    with desk.page.expect_download() as saved:
        desk.page.click("#save_json")
    facts = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert {"column": "travel_speed_mm_s", "value": 5.0, "unit": "mm/s"} in facts["prediction"][
        "read_as"
    ]
    assert list(facts) == ["prediction", "explanation", "advice", "process_map"]
    with desk.page.expect_download() as saved:
        desk.page.click("#save_png")
    picture = Path(saved.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000
    printed = desk.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3


def test_the_form_is_filled_by_hand_and_a_bad_value_is_told_at_its_field(opened) -> None:
    desk = opened()
    desk.page.click("#example")
    speed = desk.box("travel_speed_mm_s")
    desk.page.wait_for_function(
        "document.querySelector('.column-travel_speed_mm_s :is(input, textarea)').value"
    )
    speed.fill("99")
    desk.page.click("#ask")
    desk.page.wait_for_selector(".column-travel_speed_mm_s.wrong")
    assert "99 mm/s: outside 1 to 30 mm/s" in desk.text(".column-travel_speed_mm_s")
    assert desk.page.locator(".wrong").count() == 1
    assert desk.text("#answer li") == "Travel speed: 99 mm/s: outside 1 to 30 mm/s"
    assert not desk.page.is_visible("#save_json")
    speed.fill("4")
    speed.press("Enter")
    desk.page.wait_for_selector("#answer .answer")
    assert desk.page.locator(".wrong").count() == 0
    desk.wait_for_all()
    desk.page.click("#clear")
    desk.page.wait_for_function("!document.querySelector('#answer .answer')")
    assert speed.input_value() == ""


def test_the_language_is_switched_and_nothing_is_lost(opened) -> None:
    desk = opened()
    desk.read_log(LOG)
    desk.ask()
    desk.wait_for_all()
    desk.switch_to("한국어")
    desk.page.wait_for_function(
        f"document.querySelector('#ask').innerText === {said('ask', 'ko')!r}"
    )
    desk.page.wait_for_selector("#answer .answer[lang=ko]")
    desk.wait_for_all()
    assert desk.box("travel_speed_mm_s").input_value() == "30"
    assert desk.text(".column-travel_speed_mm_s").startswith("이송 속도 *")
    assert "확실하지 않아" in desk.text("#understood")
    answer = desk.text("#answer .answer")
    for heading in ("이유", "공정 지도", "90 % 구간", "글로 쓰면"):
        assert heading in answer
    assert not re.search(
        r"(?:\b[A-Za-z][a-z]+\b[ ,]+){2}[A-Za-z]+", answer.replace("plate wet", "")
    )
    desk.switch_to("English")
    desk.page.wait_for_selector("#answer .answer[lang=en]")


def test_a_table_is_dropped_sorted_out_and_downloaded(opened, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>.csv"
    lines = ["record,material,transfer_mode,wire_feed_speed_m_min,travel_speed_mm_s,bead_length_mm"]
    lines += [f"<script>alert({n})</script>,316L,CMT,{5 + n / 10},5,100" for n in range(12)]
    lines += ["bad,316L,CMT,fast,5,100"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    desk = opened()
    desk.page.get_by_role("tab", name="Table").click()
    desk.page.set_input_files("#table-file input[type=file]", str(file))
    desk.page.wait_for_selector("#table-download")
    assert "12 rows are answered, 1 were skipped." in desk.text("#table-said")
    assert "<script>alert(11)</script>" in desk.text("#table-answers")
    assert "not a number" in desk.text("#table-skipped")
    with desk.page.expect_download() as saved:
        desk.page.click("#table-download")
    rows = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(rows) == 13
    assert saved.value.suggested_filename == "answers.csv"


def test_the_study_is_shown(opened) -> None:
    desk = opened()
    desk.page.get_by_role("tab", name="Study").click()
    desk.page.wait_for_selector("text=What the models are made of")
    assert "train.epochs 1" in desk.text("[role=tabpanel]:not([hidden]):has-text('made of')")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_no_text_lies_on_another(opened, width: int) -> None:
    desk = opened(width)
    desk.read_log(LOG)
    desk.ask()
    desk.wait_for_all()
    for language in ("English", "한국어"):
        desk.switch_to(language)
        desk.page.wait_for_timeout(500)
        desk.wait_for_all()
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= width
        inside = TOO_WIDE.replace("'body *'", "'#answer *, .fields *'")
        assert desk.page.evaluate(inside) == []
        assert desk.page.evaluate(CLASHES) == []


def test_two_people_do_not_see_each_others_answers(opened) -> None:
    one, other = opened(), opened(390)
    one.read_log("316L, CMT, WFS 7 m/min, TS 30 cm/min, bead 100 mm")
    other.read_log("ER5356, CMT, WFS 9 m/min, TS 60 cm/min, bead 150 mm")
    other.switch_to("한국어")
    one.ask()
    other.ask()
    one.wait_for_all()
    other.wait_for_all()
    for desk, own, others in ((one, "ER316L", "ER5356"), (other, "ER5356", "ER316L")):
        desk.page.evaluate("document.querySelector('#answer details').open = true")
        read = desk.text("#answer .read")
        assert own in read
        assert others not in read
    assert one.page.get_attribute("#answer .answer", "lang") == "en"
    assert other.page.get_attribute("#answer .answer", "lang") == "ko"
