"""The columns of the simulated table: their order, how the raw table writes them, what is missing.

A new set-point is entered here, in the card and in `designs.draw_cells`, which draws its values.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Column(NamedTuple):
    """A column of the true record and how the raw table writes it.

    `header` is None where the raw table does not hold the column. `decimals` is None for a text,
    and for a number that is written as the laboratory does (`raw_table`).
    """

    name: str
    header: str | None
    decimals: int | None = None
    unit_header: str | None = None


TABLE = (
    Column("record", "record"),
    Column("campaign", "campaign"),
    Column("cell", None),
    Column("repetition", None),
    Column("material", "material"),
    Column("wire_diameter_mm", "wire_diameter_mm", 1),
    Column("transfer_mode", "transfer_mode"),
    Column("wire_feed_speed_m_min", "wire_feed_speed", unit_header="wire_feed_speed_unit"),
    Column("travel_speed_mm_s", "travel_speed", unit_header="travel_speed_unit"),
    Column("arc_length_correction_pct", "arc_length_correction_pct", 0),
    Column("ctwd_mm", "ctwd_mm", 0),
    Column("shielding_gas", "shielding_gas"),
    Column("gas_flow_l_min", "gas_flow_l_min", 0),
    Column("torch_angle_deg", "torch_angle_deg", 0),
    Column("interpass_temperature_c", "interpass_temperature_c", 0),
    Column("bead_length_mm", "bead_length_mm", 0),
    Column("voltage_v", "voltage_v"),
    Column("current_a", "current_a", 1),
    Column("efficiency", None),
    Column("heat_input_j_mm", "heat_input", unit_header="heat_input_unit"),
    Column("energy_j", "energy_j"),
    Column("note", "operator_note"),
    Column("labels", "result"),
)
COLUMNS = tuple(column.name for column in TABLE)
HEADER = tuple(h for column in TABLE for h in (column.header, column.unit_header) if h)


def holds_all(columns: Iterable[str]) -> bool:
    """Whether these are columns of the simulated table, so that its beads can be made again."""
    return {column.name for column in TABLE if column.header} <= set(columns)


# Share of the rows without a value, in the order in which they are drawn: another order is another
# table. Bead length, energy, material and the two speeds are never missing.
MISSING_RATES = {
    "voltage_v": 0.05,
    "current_a": 0.05,
    "gas_flow_l_min": 0.08,
    "interpass_temperature_c": 0.10,
    "ctwd_mm": 0.04,
}
