"""`llm4waam card`: the draft of a data card beside a table, and what is left to decide."""

from pathlib import Path

from llm4waam.cleaning.draft import LOSSES, SHOWN, check_draft, draft_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_text
from llm4waam.core.tables import TableFormat, find_format, read_strings

RAW = Path("data/raw")


def write_draft(table: Path, output: Path | None, form: TableFormat, *, force: bool) -> list[str]:
    """Write the draft of a card; the lines that say what was found and what is to be decided.

    Raises StudyError for a card that is there already (unless `force`) and as `read_strings`.
    """
    file = output or table.with_suffix(".yaml")
    if file.exists() and not force:
        raise StudyError(file, "there is a card already", expected="--output FILE, or --force")
    form = find_format(table, form)
    raw, broken = read_strings(table, form)
    draft = draft_card(raw, table.stem, form)
    write_text(file, draft.text)
    asked = draft.text.count("# ?")
    lines = [f"{file}: {len(raw.columns)} columns, {asked} lines ask something (# ?)"]
    lines += check_draft(file, raw, broken, table)
    lines += ["you decide:", *(f"- {line}" for line in draft.decisions)]
    return [*lines, "then run:", *_commands(table, file, draft.tasks)]


def _commands(table: Path, card: Path, tasks: dict[str, str]) -> list[str]:
    if not tasks:
        return ["  nothing: no outcome differs from row to row, and a card needs a task"]
    chosen = dict(list(tasks.items())[:SHOWN])
    name, form = table.stem, table.suffix.removeprefix(".").lower()
    options = [f"-S dataset={name}"]
    if form != "csv":
        options.append(f"-S dataset_format={form}")
    options.append(f"-S 'tasks=[{','.join(chosen)}]'")
    options += [f"-S ++target.{one}.loss={LOSSES[kind]}" for one, kind in chosen.items()]
    lines = [f"  dvc exp run {' '.join(options)}"]
    if (table.parent, card) != (RAW, RAW / f"{name}.yaml"):
        copy = f"  cp {table} {RAW / table.name}; cp {card} {RAW / f'{name}.yaml'}"
        lines.insert(0, copy)
    return lines
