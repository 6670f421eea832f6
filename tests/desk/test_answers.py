"""What the desk says of a bead, without a server."""

import json
import math
import re

import pytest
from conftest import ROOT
from running_desk import BEAD, desk, tool  # noqa: F401

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.desk.answer_page import PARTS, answer_page, problems_page
from llm4waam.desk.beads import form_fields, understand, with_unit
from llm4waam.desk.table import answer_table, as_csv, shown_answers
from llm4waam.desk.wording import said

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")


def test_the_form_asks_for_what_the_card_has_before_the_weld() -> None:
    fields = {one.name: one for one in form_fields(CARD, "pre_weld")}
    assert list(fields) == [*CARD.named("set_point"), "note"]
    assert {*CARD.named("measurement")} <= {one.name for one in form_fields(CARD, "post_weld")}
    feed = fields["wire_feed_speed_m_min"]
    assert feed.units == ("m/min", "in/min", "mm/s", "cm/min", "mm/min")
    assert feed.called(CARD, "en") == "Wire feed speed *"
    assert feed.span("m/min") == "1–15 m/min"
    assert feed.span("mm/s") == "16.7–250 mm/s"
    assert fields["interpass_temperature_c"].span("degC") == "0–500 °C"
    assert fields["shielding_gas"].choices == tuple(CARD.columns["shielding_gas"].levels)
    assert fields["gas_flow_l_min"].called(CARD, "ko") == "가스 유량"


@pytest.mark.parametrize(
    ("cell", "unit", "expected"),
    [
        ("7", "mm/s", "7 mm/s"),
        (" 7,5 ", "mm/s", "7,5 mm/s"),
        ("30 cm/min", "mm/s", "30 cm/min"),  # what is written there holds
        ("", "mm/s", ""),
        (None, "mm/s", ""),
        ("fast", "mm/s", "fast"),
        (7, "mm/s", "7 mm/s"),
    ],
)
def test_a_cell_gets_the_unit_beside_it_unless_it_has_one(cell, unit: str, expected: str) -> None:
    assert with_unit(cell, unit) == expected


def test_a_bead_is_read_in_the_units_of_the_card() -> None:
    given = understand(BEAD | {"note": "plate wet"}, CARD, "pre_weld", "en")
    assert given.problems == {}
    assert given.known() == {
        "material": "ER316L",
        "transfer_mode": "CMT",
        "wire_feed_speed_m_min": 7.0,
        "travel_speed_mm_s": 5.0,
        "bead_length_mm": 100.0,
        "note": "plate wet",
    }


@pytest.mark.parametrize(
    ("cells", "column", "english", "korean"),
    [
        ({"travel_speed_mm_s": "99"}, "travel_speed_mm_s", "99: outside 1 to 30 mm/s", "범위 1~30"),
        ({"travel_speed_mm_s": "fast"}, "travel_speed_mm_s", "fast: not a number", "숫자가 아님"),
        ({"material": "wood"}, "material", "wood: not among ER70S-6", "다음 값에 없음"),
        ({"ctwd_mm": math.inf}, "ctwd_mm", "inf: not a finite number", "유한한 숫자가 아님"),
        ({"ctwd_mm": True}, "ctwd_mm", "yes: not a number", "숫자가 아님"),
    ],
)
def test_a_bad_value_is_one_line_of_its_column(
    cells: dict, column: str, english: str, korean: str
) -> None:
    for language, expected in (("en", english), ("ko", korean)):
        given = understand(BEAD | cells, CARD, "pre_weld", language)
        assert given.row is None
        assert list(given.problems) == [column]
        assert expected in given.problems[column]
    assert understand({}, CARD, "pre_weld", "en").problems == {"": "no set-point is given"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"travel_sped": "3"}, "bead: 'travel_sped': no such column; expected one of"),
        ({"travel_speed": "3 mm/s", "travel_speed_mm_s": "4"}, "given twice, with other values"),
    ],
)
def test_what_no_form_could_send_is_one_line_too(cells: dict, expected: str) -> None:
    with pytest.raises(StudyError, match=re.escape(expected)):
        understand(cells, CARD, "pre_weld", "en")


def test_the_tools_say_what_predict_says(desk, tool) -> None:
    row = desk.understand(BEAD, "en").row
    [answer] = desk.predictor.answers(row.to_frame().T.infer_objects()).to_dict("records")
    found = tool("predict_bead")(BEAD)
    [defects, quality] = found["outcomes"]
    assert defects["answer"] == answer["defects"]
    assert defects["probabilities"]["Lack of fusion"] == answer["defects_p_lack_of_fusion"]
    assert quality["probabilities"] == {"Normal": answer["quality_p_normal"]}
    [heat, energy] = found["quantities"]
    assert (heat["unit"], energy["unit"]) == ("J/mm", "J")
    assert heat["low"] == answer["heat_input_j_mm_low"] < heat["value"] < heat["high"]
    assert heat["formula"] == answer["heat_input_j_mm_formula"]
    assert found["outside_training_data"] == answer["outside"]
    assert "ctwd_mm" in found["missing"]
    assert any("contact tip to work distance" in doubt for doubt in found["doubts"])
    speed = {"column": "travel_speed_mm_s", "value": 5.0, "unit": "mm/s"}
    assert speed in found["read_as"]
    korean = tool("predict_bead")(BEAD, "ko")
    assert korean["outcomes"] == found["outcomes"]
    assert all(re.search("[가-힣]", one) for one in [*korean["sentences"], *korean["doubts"]])


def test_reasons_advice_and_map_are_those_of_the_examiner(desk, tool) -> None:
    row = desk.understand(BEAD, "en").row
    findings = desk.examiner.examine(desk.understand(BEAD, "en").row)
    reasons = tool("explain_bead")(BEAD)
    ratios = {one["column"]: one["odds_ratio"] for one in reasons["reasons"]}
    values = findings.attribution.values
    assert ratios == {n: math.exp(v) for n, v in values.items() if v}
    assert all(one["low"] <= one["odds_ratio"] <= one["high"] for one in reasons["reasons"])
    advice = tool("advise_bead")(BEAD)
    assert advice["bar"] == 0.45
    changes = [] if findings.reason else findings.advice.changes
    assert [one["chance"] for one in advice["options"]] == [one.chance for one in changes]
    assert advice["chance_as_it_is"] == findings.advice.chance
    assert advice["sentences"]
    found = tool("process_map")(BEAD)
    assert (found["x"]["column"], found["x"]["own"]) == ("travel_speed_mm_s", 5.0)
    assert len(found["chance"]) == len(found["y"]["values"])
    assert found["chance"] == desk.process_map(row).chance.tolist()
    with pytest.raises(StudyError, match="it has no process map; expected values of travel_speed"):
        tool("process_map")({"material": "316L"})


def test_a_log_becomes_a_bead_that_can_be_asked_about(tool) -> None:
    text = "316L, CMT, WFS 7 m/min, TS 30 cm/min, bead 100 mm, plate wet, maybe 14 V"
    found = tool("read_log")(text)
    assert found["bead"]["travel_speed_mm_s"] == "30 cm/min"
    assert found["bead"]["note"] == "plate wet"
    assert found["doubts"] == ["'14 V': may be another's: 'maybe'"]
    assert tool("read_log")(text, "ko")["doubts"] == [
        "'14 V': 이 비드의 값이 아닐 수 있음(근거: 'maybe')"
    ]
    assert tool("predict_bead")(found["bead"])["read_as"][0]["value"] == "ER316L"
    with pytest.raises(StudyError, match="log: 6,000 letters are too many"):
        tool("read_log")("a" * 6000)


def test_the_card_tells_what_a_bead_may_hold(tool) -> None:
    found = tool("card")("ko")
    columns = {one["column"]: one for one in found["columns"]}
    feed = columns["wire_feed_speed_m_min"]
    assert (feed["unit"], feed["low"], feed["high"], feed["step"]) == ("m/min", 1.0, 15.0, 0.1)
    assert feed["required"]
    assert feed["meaning"] == "와이어 송급 속도"
    assert columns["transfer_mode"]["words"] == list(CARD.columns["transfer_mode"].levels)
    assert [one["task"] for one in found["tasks"]] == ["defects", "quality", "heat_input", "energy"]
    assert found["simulated"]
    assert found["sentences"][0] == said("simulated", "ko")


def test_an_answer_grows_and_shows_a_users_text_as_it_is(desk) -> None:
    row = desk.understand(BEAD | {"note": "<script>alert(1)</script> <b>wet</b>"}, "en").row
    pages = [answer_page(desk, row, "en", part) for part in PARTS]
    assert [page.count("<figure>") for page in pages] == [0, 1, 1, 2]
    assert [said("waiting", "en") in page for page in pages] == [True, True, True, False]
    for page in pages:
        assert "<script" not in page
        assert "<b>" not in page
        assert "&lt;b&gt;wet&lt;/b&gt;" in page
    facts = json.loads(
        re.search(r'data-facts="(.*?)"', pages[-1])[1].replace("&#34;", '"').replace("&amp;", "&")
        .replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")
    )  # fmt: skip
    assert list(facts) == ["prediction", "explanation", "advice", "process_map"]
    assert "<li>&lt;i&gt;</li>" in problems_page(["<i>"], "en")


def test_a_table_is_answered_row_by_row_and_says_what_it_skipped(desk, tmp_path) -> None:
    file = tmp_path / "beads <b>.csv"
    lines = ["record,material,transfer_mode,wire_feed_speed_m_min,travel_speed_mm_s,bead_length_mm"]
    lines += [f"r{n},316L,CMT,{5 + n / 100},5,100" for n in range(300)]
    lines += ["bad,316L,CMT,fast,5,100", "=cmd(),316L,CMT,5,5,100"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    seen = []
    found = answer_table(desk, file, "ko", lambda done, rows: seen.append((done, rows)))
    assert seen == [(256, 302), (302, 302)]
    assert len(found.answers) == 301
    assert found.skipped.to_numpy().tolist() == [[301, "와이어 송급 속도", "fast", "숫자가 아님"]]
    shown = shown_answers(desk, found.answers, "ko")
    assert list(shown)[:3] == ["비드", "결함 종류", "결함 종류: 볼링 확률"]
    assert shown["입열량(J/mm)"].dtype == float
    assert as_csv(desk, found.answers).splitlines()[-1].startswith("'=cmd(),")


def test_a_table_that_cannot_be_read_is_named_without_its_folder(desk, tmp_path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("", encoding="utf-8")
    with pytest.raises(StudyError, match=r"^empty\.csv: ") as error:
        answer_table(desk, file, "en", lambda *_: None)
    assert str(tmp_path) not in str(error.value)
    other = tmp_path / "beads.exe"
    other.write_bytes(b"MZ")
    with pytest.raises(StudyError, match=r"^beads\.exe: its name does not end as one of a table"):
        answer_table(desk, other, "en", lambda *_: None)


def test_every_word_of_the_desk_is_there_in_both_languages() -> None:
    from llm4waam.desk.wording import _words

    for key, texts in _words().items():
        assert set(texts) == {"en", "ko"}, key
        blanks = [set(re.findall(r"\{(\w+?)(?:_(?:topic|subject|object|as))?\}", one))
                  for one in texts.values()]  # fmt: skip
        assert blanks[0] == blanks[1], key
