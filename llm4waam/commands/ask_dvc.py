"""What DVC says when it is asked; a failure of it is one line."""

import subprocess
import sys
from pathlib import Path

from llm4waam.core.errors import StudyError, require_file

PIPELINE = Path("dvc.yaml")


def ask_dvc(*arguments: str) -> str:
    """What `dvc ARGUMENTS` prints, run in the folder of the repository.

    Raises StudyError in another folder, and with the last line that DVC says where it fails.
    """
    require_file(PIPELINE, "to be run in the folder of the repository")
    # As a module: the DVC of this environment, also where that is not activated.
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StudyError(" ".join(["dvc", *arguments]), said[-1].removeprefix("ERROR: "))
    return done.stdout
