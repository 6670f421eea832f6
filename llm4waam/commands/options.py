"""The options of `stages.predict`, read before anything slow is imported."""

import argparse
from pathlib import Path

from llm4waam.core.errors import require_file

FORMATS, PRECISIONS = ("table", "csv", "json"), ("fp32", "int8")
EPILOG = (
    "Exit status: 0 all beads are answered, 1 a mistake, 2 a wrong option, 3 rows were skipped "
    "(each is named on the standard error)."
)


def read_request(arguments: list[str]) -> argparse.Namespace:
    """The options; `set` is a list of COLUMN=VALUE, `log` a text, `file` a path, one of them.

    Raises StudyError for a file that is missing.
    """
    parser = argparse.ArgumentParser(
        "python -m stages.predict",
        description="What the final models say of new beads.",
        epilog=EPILOG,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="a CSV table, or JSON lines (.jsonl)")
    source.add_argument(
        "--set", nargs="+", metavar="COLUMN=VALUE", help='one bead: travel_speed="30 cm/min" ...'
    )
    source.add_argument("--log", metavar="TEXT", help="one bead in your own words, en or ko")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--encoder", choices=("bert", "roberta"), help="else advice.encoder")
    parser.add_argument(
        "--explain", action="store_true", help="reasons, advice and doubts, seconds a bead"
    )
    parser.add_argument(
        "--template", help="judge a bead by this sentence alone: faster, and not as it was learned"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="fp32", help="int8: faster, a little wrong"
    )
    parser.add_argument("--language", choices=("en", "ko"), default="en")
    request = parser.parse_args(arguments)
    if request.file:
        require_file(request.file, "a CSV table or JSON lines")
    return request
