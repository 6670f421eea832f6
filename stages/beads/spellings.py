"""What a raw table may write instead of the plain value: finite lists, so that all is repairable.

The kinds of dirt are common in logs and public tables ([S]/[R] in the study's notes); rates are
modelling choices [C].
"""

MATERIAL_ALIASES: dict[str, tuple[str, ...]] = {  # trade and standard names [R]
    "ER70S-6": ("G3Si1", "SG2", "ER 70S-6"),
    "ER316L": ("STS316L", "SS316L", "316L"),
    "ER625": ("Inconel 625", "IN625", "ERNiCrMo-3"),
    "ER5356": ("AlMg5", "AlMg5Cr", "Al 5356"),
    "ER4043": ("AlSi5", "Al 4043"),
    "Ti-6Al-4V": ("Ti64", "Ti6Al4V", "Ti Grade 5"),
}
LABEL_SPELLINGS: dict[str, tuple[str, ...]] = {
    "Balling": ("balling", "BALLING"),
    "Bead cut": ("Bead Cut", "bead cut", "Bead-cut"),
    "Discontinuity": ("discontinuity", "DISCONTINUITY"),
    "Humping": ("humping", "Hump", "HUMPING"),
    "Lack of fusion": ("lack of fusion", "Lack of Fusion", "LOF"),
    "Normal": ("normal", "NORMAL", "Normal "),
}
LABEL_JOINERS = (" or ", ", ", " / ")
MISSING_TOKENS = ("", "n/a", "-")
VOLTAGE_FAULTS = ("0", "-1", "99.9", "327.67")  # open, no signal, saturated, int16 in hundredths
CURRENT_FAULTS = ("0", "999.9", "-3.2")  # no signal, saturated, offset
HEAT_INPUT_SLIPS = (10.0, 0.1, 60 / 25.4)  # the last: in/min taken for mm/s

MISSING_RATES = {
    "voltage_v": 0.05,
    "current_a": 0.05,
    "gas_flow_l_min": 0.08,
    "interpass_temperature_c": 0.10,
    "ctwd_mm": 0.04,
}
VOLTAGE_FAULT_RATE, CURRENT_FAULT_RATE = 0.03, 0.02
UNIT_LOST_RATE, SLIP_RATE, COMMA_RATE = 0.06, 0.04, 0.60
ALIAS_RATE, SPELLING_RATE, DUPLICATE_RATE = 0.30, 0.20, 0.05
