"""`llm4waam restore`: back to the last commit, with the models that this machine made of it.

`git checkout` and `dvc checkout` do not do that on a machine of another make: dvc.lock holds the
hashes of models that were never made here, DVC then looks for no others, and removes what is there.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from llm4waam.commands.ask_dvc import ask_dvc
from llm4waam.core.ask_git import ask_git
from llm4waam.core.errors import StudyError
from llm4waam.core.files import write_text

LOCK = Path("dvc.lock")
STASHED = "before llm4waam restore"


def restore() -> Iterator[str]:
    """Restore the committed state; yields what there is to say.

    Changed files go to `git stash`. Then `dvc repro` takes from its run cache what this machine
    made of the commit before, and runs only what it never did. Raises StudyError where git or DVC
    fails.
    """
    if ask_git("status", "--porcelain", "--untracked-files=no"):
        ask_git("stash", "push", "--message", STASHED)
        yield f'Changed files are kept in git stash, as "{STASHED}".'
    unknown = forget_unknown()
    if unknown:
        yield f"dvc.lock names outputs that were never made here: {', '.join(unknown)}."
    if subprocess.run([sys.executable, "-m", "dvc", "repro"]).returncode:
        raise StudyError("dvc repro", "a stage failed", expected="see the lines above")
    differ = ask_git("diff", "--name-only", "HEAD").decode().splitlines()
    if differ:
        yield f"{len(differ)} files are not byte for byte as committed, as they were made here."


def forget_unknown() -> list[str]:
    """Take the stages out of dvc.lock whose outputs this machine's cache does not have.

    DVC takes the outputs of a stage that is in the lock from there or nowhere; of others, from its
    run cache. Returns the names of the stages.
    """
    lock = yaml.safe_load(LOCK.read_text(encoding="utf-8"))
    cache = Path(ask_dvc("cache", "dir").strip())
    in_git = set(ask_git("ls-files").decode().splitlines())
    unknown = [
        name
        for name, stage in lock["stages"].items()
        if any(
            not _there(cache, out["md5"])
            for out in stage.get("outs", [])
            if not any(file == out["path"] or file.startswith(f"{out['path']}/") for file in in_git)
        )
    ]
    if unknown:
        # As text, so that DVC's other lines stay as they are.
        parts = re.split(r"(?m)^(?=  \S)", LOCK.read_text(encoding="utf-8"))
        kept = [part for part in parts if part.partition(":")[0].strip() not in unknown]
        write_text(LOCK, "".join(kept))
    return unknown


def _there(cache: Path, md5: str) -> bool:
    return (cache / "files/md5" / md5[:2] / md5[2:]).exists()
