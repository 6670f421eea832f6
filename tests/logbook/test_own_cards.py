"""Logs of a card with other columns: its names, headers and levels are the names in a log."""

import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.logbook.logbook import read_log

CARD = read_card(ROOT / "tests/cards/korean_shop.yaml")
LOGS = [
    (
        "STS316L, 82:18, CMT, 송급속도 6.5 속도 45, 용접전류 150A, 설정전압 18V, "
        "가스유량 20cfh, 회전수 300",
        {
            "alloy": "316L", "gas": "82/18", "process": "CMT", "feed": "6.5 m/min",
            "ts": "45 cm/min", "amp": "150 A", "volt": "18 V", "flow": "20 cfh", "spin": "300 rpm",
        },
    ),
    (
        "재질: 308, 실드가스: 아르곤, 공법: 펄스, 송급 300 ipm, 이송 20 ipm",
        {
            "alloy": "SUS308L", "gas": "순Ar", "process": "PULSE", "feed": "300 in/min",
            "ts": "20 in/min",
        },
    ),
    (
        "ER316LSi wire 6 m/min, 8 mm/s, 150 A, spin 300 rpm",
        {"alloy": "316L", "feed": "6 m/min", "ts": "8 mm/s", "amp": "150 A", "spin": "300 rpm"},
    ),
    ("실드가스: 없음, 재질 #N/A, 송급속도 6.5", {"feed": "6.5 m/min"}),
    ("어제 송급속도 7, 오늘 송급속도 6.5, ER5356", {"feed": "6.5 m/min", "alloy": "A5356"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values"), LOGS, ids=[text[:30] for text, _ in LOGS])
def test_the_names_of_the_card_are_the_names_in_a_log(text: str, values: dict[str, str]) -> None:
    log = read_log(text, CARD)
    assert log.values == values
    assert log.not_understood == [] or "어제" in text


def test_an_alloy_that_the_card_lacks_is_a_doubt_and_a_unit_of_something_else_too() -> None:
    log = read_log("ER70S-6, 회전수 5 Hz, 18 V", CARD)
    assert log.values == {}
    assert len(log.doubts) == 3  # not on the card; Hz is no rpm; nothing says that 18 V was set
