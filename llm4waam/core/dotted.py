"""Nested sections, such as those of params.yaml, by dotted name: "train.epochs"."""


def dotted(section: dict, before: str = "") -> dict[str, object]:
    """Every value by its dotted name; a list is one value, and so is an empty section."""
    found: dict[str, object] = {}
    for name, value in section.items():
        is_section = isinstance(value, dict) and value
        found |= dotted(value, f"{before}{name}.") if is_section else {f"{before}{name}": value}
    return found
