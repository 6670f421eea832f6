"""What git holds of a commit; a base that is no commit is one line."""

import io
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

from llm4waam.core.errors import StudyError, require_file


def unpack(base: str, paths: Sequence[str], folder: Path) -> None:
    """Put those of `paths` that the commit `base` has under `folder`.

    Run in the folder of the repository. Raises StudyError for a base that is no commit.
    """
    commit = _commit(base)
    listed = ask_git("ls-tree", "-z", "--name-only", commit, *paths).decode().split("\0")
    there = [name for name in listed if name]
    if there:
        archive = ask_git("archive", "--format=zip", commit, "--", *there)
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)


def _commit(base: str) -> str:
    named = f"{base}^{{commit}}"
    ask_git("rev-parse", "--git-dir")  # fails in another way than a base that is no commit
    try:
        return ask_git("rev-parse", "--verify", "--end-of-options", named).decode().strip()
    except StudyError:
        expected = "a branch, a tag or a commit of this repository"
        raise StudyError(
            "base", "git knows no such commit", value=base, expected=expected
        ) from None


def ask_git(*arguments: str) -> bytes:
    """What `git ARGUMENTS` prints; raises StudyError with the last line of what a failure says."""
    require_file(Path("params.yaml"), "to be run in the folder of the repository")
    done = subprocess.run(["git", *arguments], capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise StudyError(f"git {arguments[0]}", said[-1])
    return done.stdout
