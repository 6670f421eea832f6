"""The text of a drafted card: YAML that a person reads, a line a column where it fits."""

import math
import re

import yaml

from llm4waam.cleaning.guesses import FAR, Guess
from llm4waam.core.tables import TableFormat

WIDTH = 100  # of a line of the card
NAMED = 3  # far values that a question names


def card_text(
    title: str, form: TableFormat, names: dict[str, Guess], left_out: list[Guess], tasks: dict
) -> str:
    """The card of the columns `names`, with the doubts of columns and tasks behind `# ?`.

    `tasks` maps a name to what the card says of a task and to its doubts.
    """
    head = {"title": title}
    lines = [
        "# Drafted by `llm4waam card` from the table alone: a line with `# ?` asks something.",
        "# A range is what the table holds, rounded outwards: widen it to what can be. All keys:",
        "# docs/card.md",
        *_flow(head)[1:-1].splitlines(),
        "simulated: false  # ? or true: no table tells",
        "licence: not stated  # ?",
        "source: not stated  # ?",
    ]
    table = form.model_dump(exclude_defaults=True)
    if table:
        lines.append(f"table: {_flow(table)}")
    missing = sorted({word for guess in names.values() for word in guess.missing})
    if missing:
        lines.append(f"missing: {_flow(missing)}")
    lines.append("columns:")
    for name, guess in names.items():
        lines += _entry(name, _column(name, names), guess.doubts)
    lines += [f"  # {_quoted(g.header)} is left out: {g.left_out}" for g in left_out]
    lines.append("tasks:" if tasks else "tasks: {}  # ? no outcome was found")
    for name, (task, doubts) in tasks.items():
        lines += _entry(name, task, doubts)
    return "\n".join(lines) + "\n"


def _column(name: str, names: dict[str, Guess]) -> dict:
    """The keys of a column, those with a default left out; its phrase is its meaning."""
    guess = names[name]
    meaning = " ".join(guess.words)
    if not re.search("[a-z]", meaning) or name.startswith("column_"):
        meaning = guess.header
    found: dict = {"role": guess.role, "kind": guess.kind}
    if meaning != name.replace("_", " "):
        found = {"meaning": meaning, **found}
    if guess.header != name:
        found["header"] = guess.header
    found |= guess.keys
    if "label_of" in found:
        found["label_of"] = next(n for n, g in names.items() if g is found["label_of"])
    bounded = guess.role in ("set_point", "measurement") or guess.twofold
    if bounded and guess.kind == "number" and guess.numbers is not None and len(guess.numbers):
        found["range"] = _range(guess)
    return found


def _range(guess: Guess) -> list[float | int]:
    """The smallest and largest value, rounded outwards to a step of the size of their distance."""
    numbers = guess.numbers
    low, high = float(numbers.min()), float(numbers.max())
    step = 10.0 ** math.floor(math.log10((high - low) / 2 or abs(high) or 1))
    ends = [math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step]
    if ends[0] >= ends[1]:
        ends[1] = ends[0] + step
    quarter, half, three = numbers.quantile([0.25, 0.5, 0.75])
    far = numbers[(numbers - half).abs() > FAR * (three - quarter)].unique()
    if len(far) and three > quarter:
        named = ", ".join(f"{one:g}" for one in far[:NAMED])
        guess.doubts.append(f"far from the others: {named}. A slip, or a fault (then faults)?")
    return [int(one) if one == int(one) else float(f"{one:.6g}") for one in ends]


def _flow(value: object) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6
    )
    return text.removesuffix("...\n").strip()


def _quoted(text: str) -> str:
    return _flow([text])[1:-1]


def _entry(name: str, keys: dict, doubts: list[str]) -> list[str]:
    """A key of the card on one line where it fits; doubts behind it, or else above it."""
    name = _quoted(name)
    line = f"  {name}: {_flow(keys)}"
    question = f"  # ? {'; '.join(doubts)}" if doubts else ""
    if len(line + question) <= WIDTH:
        return [line + question]
    above = [f"  # ? {doubt}" for doubt in doubts]
    if len(line) <= WIDTH:
        return [*above, line]
    if len(_flow(keys)) + 4 <= WIDTH:
        return [*above, f"  {name}:", f"    {_flow(keys)}"]
    lines = [*above, f"  {name}:"]
    for key, value in keys.items():
        line = f"    {key}: {_flow(value)}"
        if len(line) <= WIDTH or not isinstance(value, dict):
            lines.append(line)
            continue
        lines.append(f"    {key}:")
        lines += [f"      {_quoted(one)}: {_flow(each)}" for one, each in value.items()]
    return lines
