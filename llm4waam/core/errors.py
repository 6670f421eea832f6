"""The one error a user's mistake raises: a single line that says where and what was expected."""

from pathlib import Path

from llm4waam.core.escapes import short, visible


class StudyError(ValueError):
    """A mistake in a file or parameter that only the user can mend.

    The message is one line: ``file, row R, column C: 'value': reason; expected ...``. Stage
    scripts print it and exit with status 1, without a traceback.
    """

    def __init__(
        self,
        file: str | Path,
        reason: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        expected: str | None = None,
    ) -> None:
        place = str(file)
        if row is not None:
            place += f", row {row}"
        if column is not None:
            place += f", column {short(column)}"
        found = "" if value is None else f"{short(repr(value))}: "
        wanted = "" if expected is None else f"; expected {expected}"
        super().__init__(visible(" ".join(f"{place}: {found}{reason}{wanted}".split())))

    @classmethod
    def plain(cls, line: str) -> "StudyError":
        """An error that says this line, which an error said before."""
        error = cls.__new__(cls, line)
        error.args = (line,)
        return error

    def __reduce__(self) -> tuple:
        # Errors come from worker processes pickled: only the line itself travels.
        return type(self).plain, (str(self),)


def require_file(file: Path, expected: str) -> None:
    """Raise StudyError for a file that is missing, or whose name no file can have."""
    try:
        there, found = file.exists(), file.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        said = getattr(error, "strerror", None) or str(error)
        reason = f"this is no name of a file ({said})"
        raise StudyError(short(str(file), 80), reason, expected=expected) from None
    if not found:
        reason = "this is no file" if there else "there is no such file"
        raise StudyError(file, reason, expected=expected)
