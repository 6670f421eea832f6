"""Free-text logs: what is read, what is refused, and that nothing gets lost."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import Card, read_card
from llm4waam.card.quantities import convert
from llm4waam.cleaning.log import CleaningLog
from llm4waam.cleaning.parsing import parse_column
from llm4waam.logbook.logbook import Log, read_log
from llm4waam.simulator.notes import LANGUAGES, wordings

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
SMALL = read_card(ROOT / "tests/cards/small.yaml")
SHORT = {
    "wire": "material", "dia": "wire_diameter_mm", "mode": "transfer_mode",
    "wfs": "wire_feed_speed_m_min", "ts": "travel_speed_mm_s", "alc": "arc_length_correction_pct",
    "tip": "ctwd_mm", "gas": "shielding_gas", "flow": "gas_flow_l_min", "angle": "torch_angle_deg",
    "temp": "interpass_temperature_c", "length": "bead_length_mm", "volt": "voltage_v",
    "amp": "current_a",
}  # fmt: skip


def clean(values: dict[str, str], card: Card = CARD) -> dict[str, object]:
    """The values as the card's own cleaning reads them: column -> number or level."""
    headers = [c.header for c in card.columns.values()]
    headers += [c.unit_header for c in card.columns.values() if c.unit_header]
    found = {}
    for name, text in values.items():
        raw = pd.DataFrame({header: [""] for header in headers if header}, dtype=str)
        raw[card.columns[name].header] = text
        cleaning = CleaningLog()
        found[name] = parse_column(raw, card, name, cleaning).iloc[0]
        assert not cleaning.entries
    return found


# Values in the card's units.
LOGS = [
    (
        "ran 316L at 6.5 m/min, 40 cm/min, arc was spattering, stick-out 15",
        {"wire": "ER316L", "wfs": 6.5, "ts": 40 / 6, "tip": 15},
        "arc was spattering",
    ),
    (
        "STS316L 와이어, 송급속도 6.5 m/min, 이송속도 분당 40 cm 로 용접, 돌출길이 15mm, "
        "아크가 튐, 가스 15 L/min, 층간온도 100도",
        {"wire": "ER316L", "wfs": 6.5, "ts": 40 / 6, "tip": 15, "flow": 15, "temp": 100},
        "아크가 튐",
    ),
    (
        "ER70S-6 1.2 mm wire, CMT, WFS 6,5 m/min, TS 40 cm/min, ALC −5 %, CTWD 15mm, "
        "Ar 18% CO2 at 15 lpm, drag 10 deg, interpass 100 degC, bead length 100 mm",
        {
            "wire": "ER70S-6", "dia": 1.2, "mode": "CMT", "wfs": 6.5, "ts": 40 / 6, "alc": -5,
            "tip": 15, "gas": "Ar+18%CO2", "flow": 15, "angle": -10, "temp": 100, "length": 100,
        },
        None,
    ),
    (
        "와이어 직경 1.2 mm, 펄스 모드, 아르곤 가스 15 l/min, 전압 18 V 전류 150 A, "
        "비드 길이 100 mm",
        {
            "dia": 1.2, "mode": "pulsed GMAW", "gas": "Ar", "flow": 15, "volt": 18, "amp": 150,
            "length": 100,
        },
        None,
    ),
    (
        "WFS 300 ipm, travel speed 16 ipm, 82-18, pulsed",
        {"wfs": 7.62, "ts": 16 * 25.4 / 60, "gas": "Ar+18%CO2", "mode": "pulsed GMAW"},
        None,
    ),
    ("6.5 m/min WFS 40 cm/min TS", {"wfs": 6.5, "ts": 40 / 6}, None),
    ("6.5 m/min WFS, 40 cm/min TS, 15 mm stick-out", {"wfs": 6.5, "ts": 40 / 6, "tip": 15}, None),
    (
        "WFS 6.5 m/min travel speed 40 cm/min stickout 15 gas flow 15",
        {"wfs": 6.5, "ts": 40 / 6, "tip": 15, "flow": 15},
        None,
    ),
    ("stick-out 15 40 cm/min 6.5 m/min", {"tip": 15, "ts": 40 / 6, "wfs": 6.5}, None),
    ("1.5 m/min, 40 cm/min", {"wfs": 1.5, "ts": 40 / 6}, None),
    ("1.5 m/min, 100 cm/min", {"wfs": 1.5, "ts": 100 / 6}, None),
    ("wire 1.5 m/min", {"wfs": 1.5}, None),
    ("torch angle 10 deg drag, preheated to 150 C", {"angle": -10, "temp": 150}, None),
    ("push angle 10°, 예열 150℃", {"angle": 10, "temp": 150}, None),
    ("후진법 5도", {"angle": -5}, None),
    ("18.5 V 150 A 1.2Ø", {"volt": 18.5, "amp": 150, "dia": 1.2}, None),
    (
        "Ti grade 5 1.2 mm CMT 8 m/min 5 mm/s Ar",
        {"wire": "Ti-6Al-4V", "dia": 1.2, "mode": "CMT", "wfs": 8, "ts": 5, "gas": "Ar"},
        None,
    ),
    (
        "shielding gas: 82/18, material: ER 70S-6, mode: short arc",
        {"gas": "Ar+18%CO2", "wire": "ER70S-6", "mode": "short-circuit GMAW"},
        None,
    ),
    (
        "ran the er70s6 wire, ø 1.2, feed 6,5 m/min, torch speed 7.5 mm/s, "
        "tip-to-work distance 12 mm",
        {"wire": "ER70S-6", "dia": 1.2, "wfs": 6.5, "ts": 7.5, "tip": 12},
        None,
    ),
    (
        "WFS=8 m/min; TS=0.6 m/min; gas=Ar+30%He @ 18 L/min",
        {"wfs": 8, "ts": 10, "gas": "Ar+30%He", "flow": 18},
        None,
    ),
    (
        "WFS 6 m/min. Travel 40 cm/min. Arc noisy. Stick-out 15.",
        {"wfs": 6, "ts": 40 / 6, "tip": 15},
        "Arc noisy",
    ),
    ("와이어송급속도는 6.5m/min이고 용접속도는 40cm/min임", {"wfs": 6.5, "ts": 40 / 6}, None),
    ("팁-모재 거리 15 mm, 주행속도 초당 8mm", {"tip": 15, "ts": 8}, None),
    ("인코넬 625, CMT 펄스, ALC +10", {"wire": "ER625", "mode": "CMT+P", "alc": 10}, None),
    (
        "plate at 100 °C, wire at 6.5 m/min, torch at 0.4 m/min",
        {"temp": 100, "wfs": 6.5, "ts": 0.4 / 0.06},
        None,
    ),
    ("TS8mm/s WFS6.5m/min CTWD15", {"ts": 8, "wfs": 6.5, "tip": 15}, None),
    ("40 cm per minute, 6.5 m·min-1", {"ts": 40 / 6, "wfs": 6.5}, None),
    ("stick-out (CTWD) 15 mm", {"tip": 15}, None),
    ("wire feed stuttering badly, plate oily, CMT+P", {"mode": "CMT+P"},
     "wire feed stuttering badly; plate oily"),
    ("ER5356 아르곤, WFS 8 m/min, 모재에 기름 있음", {"wire": "ER5356", "gas": "Ar", "wfs": 8},
     "모재에 기름 있음"),
    ("feeder of cell 2 jams, not this one. 6.5 m/min", {"wfs": 6.5},
     "feeder of cell 2 jams; not this one"),
    ("dip, ER4043", {"mode": "short-circuit GMAW", "wire": "ER4043"}, None),
    ("arc steady, WFS 6.5 m/min, again WFS 6.5 m/min", {"wfs": 6.5}, "arc steady"),
    ("WFS (m/min): 6.5, travel speed of 40 (cm/min)", {"wfs": 6.5, "ts": 40 / 6}, None),
    ("와이어 이송속도 1.5 m/min, 이송 10 mm/s", {"wfs": 1.5, "ts": 10}, None),
    # Corrections that are clear.
    ("not 6.5 but 7 m/min", {"wfs": 7}, None),
    ("WFS 6, no 6.5", {"wfs": 6.5}, None),
    ("WFS 6.5 m/min, sorry 7 m/min", {"wfs": 7}, None),
    ("7 m/min, not 6.5", {"wfs": 7}, None),
    ("송급속도 6.5가 아니라 7 m/min", {"wfs": 7}, None),
    ("Inconel 625 not 316L", {"wire": "ER625"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted", "note"), LOGS, ids=[t[:40] for t, *_ in LOGS])
def test_a_log_gives_the_values_that_the_card_s_cleaning_reads(
    text: str, wanted: dict, note: str | None
) -> None:
    log = read_log(text, CARD)
    found = clean(log.values)
    assert found == {
        SHORT[name]: pytest.approx(value, rel=1e-6) if not isinstance(value, str) else value
        for name, value in wanted.items()
    }
    assert log.note == note
    assert not log.doubts


# Text, what may be read all the same, and a word of the doubt ("" for none).
TRAPS = [
    ("1.5 m/min", {}, "may be"),
    ("100 mm", {}, "no name"),
    ("TS: 8", {}, "unit not said"),
    ("gas flow 20 kg", {}, "does not accept"),
    ("WFS 6.5 kJ", {}, "does not accept"),
    ("0.5 L/min stick-out", {}, "does not accept"),
    ("WFS 60 m/min", {}, "outside 1 to 15"),
    ("voltage 60 V", {}, "outside 5 to 45"),
    ("WFS 6 m/min, wire speed 7 m/min", {}, "more than once"),
    ("plan was WFS 6 but ran 7 m/min", {"wfs": 7}, "another's"),
    ("CMT, pulsed, ER70S-6", {"wire": "ER70S-6"}, "more than once"),
    ("WFS 5-6 m/min", {}, "more than one number"),
    ("용접속도 40 → 45 cm/min", {}, "more than one number"),
    ("wfs 8 -> 9 m/min", {}, "more than one number"),
    ("WFS from 6 to 7 m/min", {}, "more than one number"),
    ("ALC - 5%", {}, "dash"),
    ("drag -10 deg", {}, "dash"),
    ("CMT, no pulse", {"mode": "CMT"}, ""),
    ("WFS 6, no hm 6.5", {}, "unclear"),
    ("not the usual 316L", {}, "another's"),
    ("torch angle 10 deg, in drag", {}, "sign"),
    ("316L, no, ER70S-6", {}, "unclear"),
    ("CMT off", {}, "denied"),
    ("did not run at 6.5 m/min", {}, "denied"),
    ("6.5 m/min?", {}, "denied"),
    ("max 7 m/min", {}, "another's"),
    ("increased WFS by 0.5 m/min", {}, "amount"),
    ("WFS 6 m/min, no, travel speed 6 m/min", {}, "unclear"),
    ("Ar 20% CO2, 15 L/min", {"flow": 15}, "card"),
    ("Inconel 718, CMT", {"mode": "CMT"}, "card"),
    ("ran ER90S-G, 308L, ER80S-6", {}, "card"),
    ("316L, ER70S-6-like plate 3", {}, "more than once"),
    ("AlMg 5 m/min", {"wfs": 5}, ""),
    ("sheets 40, clients 6, attached 15, amplitude 3", {}, ""),
    ("voltage dip at strike", {}, ""),
    ("wire 2, plate 12, bead 1, gas 2", {}, ""),
    ("purge 15 L/min, backing gas 10 L/min", {}, ""),
    ("200x100x10 mm plate", {}, "more than one number"),
    ("heat input was 500 J/mm at 6.5 m/min", {"wfs": 6.5}, ""),
    ("argon bottle nearly empty", {}, ""),
]


@pytest.mark.parametrize(("text", "wanted", "doubt"), TRAPS, ids=[t[:40] for t, *_ in TRAPS])
def test_a_trap_gives_a_doubt_and_no_value(text: str, wanted: dict, doubt: str) -> None:
    log = read_log(text, CARD)
    found = clean(log.values)
    assert found == {
        SHORT[name]: value if isinstance(value, str) else pytest.approx(value)
        for name, value in wanted.items()
    }
    assert any(doubt in line for line in log.doubts) if doubt else not log.doubts
    assert all("\n" not in line for line in log.doubts)


@pytest.mark.parametrize(
    "outcome",
    ["then it humped", "heat input 500 J/mm", "energy 12 kJ", "Lack of fusion", "LOF at the end",
     "result: normal", "bead looked ropy", "정상 비드", "험핑 발생", "입열량 500 J/mm", "비드 끊김",
     "discontinuity after 3 cm", "balling"],
)  # fmt: skip
def test_an_outcome_is_never_a_value_or_a_note(outcome: str) -> None:
    bare = read_log("316L, WFS 6.5 m/min, arc noisy", CARD)
    for joined in (", ", ". ", " and "):
        log = read_log(f"316L, WFS 6.5 m/min, arc noisy{joined}{outcome}", CARD)
        assert log.values == bare.values
        assert log.note == bare.note == "arc noisy"
        assert " ".join(log.not_understood).replace(":", "") != ""
    assert read_log(outcome, CARD).values == {}
    outcomes = set(CARD.named("outcome", "note", "group", "identifier"))
    assert not outcomes & set(read_log(outcome, CARD).values)


@pytest.mark.parametrize("text", ["", " \n ", "???", "and with the"])
def test_nothing_said_is_nothing_read(text: str) -> None:
    assert read_log(text, CARD) == Log({}, None, [], [])


def test_every_strange_word_is_kept_somewhere() -> None:
    """Words that nobody knows, put anywhere, stand in the note or in what was not understood."""
    rng = np.random.default_rng(3)
    for text, *_ in LOGS:
        words = text.split()
        strange = [f"qz{n}x" for n in range(3)]
        for word in strange:
            words.insert(int(rng.integers(len(words) + 1)), word)
        log = read_log(" ".join(words), CARD)
        kept = " ".join([log.note or "", *log.not_understood])
        assert not [word for word in strange if word not in kept], (words, log)


@pytest.mark.parametrize("text", [t for t, *_ in (*LOGS, *TRAPS)])
def test_what_is_kept_is_verbatim_and_what_is_no_value_is_kept(text: str) -> None:
    log = read_log(text, CARD)
    pieces = [*log.not_understood, *(log.note or "").split("; ")]
    assert all(piece in " ".join(text.split()) for piece in pieces)
    if not log.values:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", text)
        assert not [number for number in numbers if number not in " ".join(pieces)]


def test_numbers_in_every_unit_of_the_card_come_out_as_cleaning_reads_them() -> None:
    rng = np.random.default_rng(7)
    for name in CARD.named("set_point", "measurement", kind="number"):
        column = CARD.columns[name]
        low, high = column.range
        for unit in column.accepted_units or [column.unit]:
            ratio = clean_ratio(name, unit)
            for value in rng.uniform(low, high, 4):
                written = f"{value / ratio:.2f}"
                text = f"{column.phrase}: {written.replace('.', ',')} {unit}"
                log = read_log(f"CMT, {text}, arc noisy", CARD)
                if not low * 1.02 <= float(written) * ratio <= high * 0.98 or value < 0:
                    continue
                expected = pytest.approx(float(written) * ratio, rel=1e-6)
                assert clean(log.values) == {name: expected, "transfer_mode": "CMT"}, text
                assert log.note == "arc noisy"


def clean_ratio(name: str, unit: str) -> float:
    """What one of `unit` is in the column's unit."""
    own = CARD.columns[name].unit
    return 1.0 if unit == own else convert(1.0, unit, own)


@pytest.mark.parametrize(
    "letters",
    ["abc 123.,-/%mTS가나다\n", "1234567890 ", "no 6 not 7, ", "(", "- ", "Ar ", "1-", "°"],
)
def test_ten_thousand_characters_of_garbage_do_no_harm(letters: str) -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list(letters), 10_000))
    log = read_log(text, CARD)
    assert clean(log.values).keys() == log.values.keys()


def test_a_card_with_other_columns_is_read_by_its_phrases() -> None:
    log = read_log("G3Si1, travel speed 40 cm/min, voltage 18 V, stick-out 15, humped", SMALL)
    assert log.values == {
        "material": "ER70S-6", "travel_speed_mm_s": "40 cm/min", "voltage_v": "18 V",
    }  # fmt: skip
    assert log.not_understood == ["stick-out 15", "humped"]
    other = SMALL.model_copy(
        update={"columns": {"rotor": SMALL.columns["voltage_v"].model_copy(
            update={"phrase": "rotor tension", "meaning": "rotor", "header": "rotor"})}}
    )  # fmt: skip
    assert read_log("rotor tension 18 V", other).values == {"rotor": "18 V"}
    assert read_log("18 V", other).values == {}


def test_most_notes_of_the_simulator_are_notes_and_none_gives_a_value() -> None:
    read = [
        read_log(note, CARD)
        for kind in range(2, 15)
        for language in LANGUAGES
        for template in wordings(kind, language)
        for note in template[:2]
    ]
    assert not [log for log in read if log.values]
    assert np.mean([log.note is not None and not log.not_understood for log in read]) > 0.95


@pytest.mark.parametrize(
    ("text", "wire_feed_speed", "travel_speed"),
    [
        ("mild steel wire, 255 ipm wire feed, 16 ipm travel", "255 in/min", "16 in/min"),
        ("ran mild steel, WFS 255 in/min, TS 16 inches per minute", "255 in/min", "16 in/min"),
        ("mild-steel, wire feed speed (ipm): 255", "255 in/min", None),
        ("mild steel, WFS 255 inches a minute", "255 in/min", None),
        ("연강 와이어, 송급속도 255 ipm, 이송속도 16 in/min", "255 in/min", "16 in/min"),
        ("연강, 송급 255 IPM", "255 in/min", None),
    ],
)
def test_inches_a_minute_and_mild_steel_are_read(
    text: str, wire_feed_speed: str, travel_speed: str | None
) -> None:
    log = read_log(text, CARD)
    told = {"material": "ER70S-6", "wire_feed_speed_m_min": wire_feed_speed}
    told |= {"travel_speed_mm_s": travel_speed} if travel_speed else {}
    values = {**log.values, "material": clean(log.values)["material"]}
    assert (values, log.not_understood, log.doubts) == (told, [], [])
    assert clean(log.values)["wire_feed_speed_m_min"] == pytest.approx(255 * 0.0254)


@pytest.mark.parametrize("text", ["316L wire on a mild steel plate", "STS316L 와이어, 모재는 연강"])
def test_a_plate_of_mild_steel_is_no_wire(text: str) -> None:
    log = read_log(text, CARD)
    assert clean(log.values) == {"material": "ER316L"}


@pytest.mark.parametrize("text", ["mild steel plate, WFS 255 ipm", "연강 모재, 송급 255 ipm"])
def test_the_wire_is_not_guessed_from_the_plate(text: str) -> None:
    assert "material" not in read_log(text, CARD).values
