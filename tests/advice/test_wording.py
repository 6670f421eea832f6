"""What the command line says in Korean."""

import logging
import re

import pytest
import yaml
from conftest import ROOT

from llm4waam.advice.wording import MESSAGES, column_called, in_language, messages_in
from llm4waam.card.card import read_card
from llm4waam.inference.user_table import take
from llm4waam.logbook.logbook import read_log

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
KOREAN = read_card(ROOT / "tests/cards/korean_shop.yaml")
LOGS = [
    log["text"]
    for file in ("shop_logs", "own_logs", "more_logs", "fresh_logs")
    for log in yaml.safe_load(
        (ROOT / f"tests/logbook/{file}.yaml").read_text(encoding="utf-8")
    )
] + [
    "WFS 60 m/min", "voltage 60 V", "100 mm", "1.5 m/min", "gas flow 20 kg", "ALC - 5%", "TS: 8",
    "WFS 6, no hm 6.5", "torch angle 10 deg, in drag", "not 316L", "WFS 5-6 m/min", "316L plate",
    "WFS 6 m/min TS 8 mm/s 7", "Gas: 15 L/min argon + 5 L/min helium", "torch 10 deg back",
]  # fmt: skip


def english_in(text: str) -> list[str]:
    """English words of a Korean sentence, but for what it quotes, units and names of levels."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"|\(row\)", "", text)
    words = re.findall(r"[A-Za-z]{2,}(?:/\w+)?", plain)
    units = "mm cm in ft min mm/s cm/min in/min m/min mm/min L/min deg degC cfh lpm"
    levels = {word for c in CARD.columns.values() for one in c.levels for word in one.split()}
    known = {*units.split(), *(part for one in levels for part in re.findall("[A-Za-z]+", one))}
    return [word for word in words if word not in known]


def test_whatever_a_log_leaves_in_doubt_is_said_in_korean() -> None:
    doubts = {doubt for text in LOGS for doubt in read_log(text, CARD).doubts}
    assert len(doubts) > 100
    said = [in_language(f"in doubt: {doubt}", CARD, "ko") for doubt in sorted(doubts)]
    assert not [(one, words) for one in said if (words := english_in(one))]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("travel_speed", "8 kg"), ("travel_speed", "8"), ("travel_speed", "80 mm/s"),
        ("travel_speed", "fast"), ("travel_speed", "5-8 mm/s"), ("material", "brass"),
        ("ctwd_mm", "1e999"), ("voltage_v", "99.9"), ("travel_speed", "8 wobbles"),
    ],
)  # fmt: skip
def test_why_a_row_is_skipped_is_said_in_korean(column: str, cell: str) -> None:
    row = {"material": "316L", "travel_speed": "8 mm/s", column: cell}
    _, log = take([(3, row)], CARD, "post_weld")
    [(number, name, value, _, reason)] = log.entries
    said = f"skipped: row {number}, column {name}: {value!r}: {reason}"
    korean = in_language(said, CARD, "ko")
    assert korean.startswith(f"건너뜀: 3행, 항목 {column_called(CARD, name, 'ko')}, 값 {cell!r}: ")
    assert not english_in(korean)


def test_a_column_is_called_as_the_card_calls_it_in_korean() -> None:
    assert column_called(CARD, "travel_speed_mm_s", "ko") == "이송 속도"
    assert [column_called(KOREAN, n, "ko") for n in ("feed", "ts")] == ["송급속도", "속도"]
    assert column_called(KOREAN, "feed", "en") == "feed"
    read = in_language("read: feed = 6.5 m/min, ts = 45 cm/min", KOREAN, "ko")
    assert read == "읽은 값: 송급속도 = 6.5 m/min, 속도 = 45 cm/min"


def test_messages_of_any_room_are_logged_in_the_language_and_only_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with messages_in("ko", CARD):
        logging.warning("columns that the card does not know: %s", "a, b")
    logging.warning("columns that the card does not know: %s", "c")
    assert caplog.messages == ["카드에 없는 열: a, b", "columns that the card does not know: c"]


def test_each_korean_message_fills_in_what_the_english_one_does() -> None:
    listed = yaml.safe_load(MESSAGES.read_text(encoding="utf-8"))
    for english, korean in listed.items():
        named = {*re.findall(r"{(\w+)}", korean)}
        assert named <= {*re.findall(r"{(\w+)}", english)}
        assert re.search("[가-힣]", korean)
