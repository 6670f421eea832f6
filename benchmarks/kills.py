"""Kills the study at random moments and runs it again: `python -m benchmarks.kills [60] [20]`.

So many kills of a stage, of `dvc repro` or of both, and so many of `dvc` alone, whose stage is then
on its own while the next run already asks for other parameters. Each must end in the bytes of an
undisturbed run, or in one line that says what to do, after which it does. A copy of the last commit
in a temporary folder is used, with a tiny encoder; a kill takes about ten seconds.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import psutil
import yaml

from benchmarks.measure import ROOT
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer

TARGET = "train-bert@quality"
MADE = (
    *("data/split", "data/text", "data/predictions/bert", "data/incomplete"),
    *("plots/history/bert", "data/models"),
)
SEEDS = (7, 8, 9)  # of the folds: states of the study, from one of which each kill goes to others


def main(anything: int, dvc_alone: int) -> None:
    """Print what every kill ended in, and the counts."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        os.chdir(folder)
        os.environ |= {"PYTHONPATH": folder, "DVC_NO_ANALYTICS": "1", "HF_HUB_OFFLINE": "1"}
        make_small()
        expected, seconds = {}, float("inf")
        for seed in SEEDS:
            started = time.monotonic()
            _ask_for(seed)
            assert _repro() == ""
            expected[seed] = hash_of(MADE)
            seconds = min(seconds, time.monotonic() - started)
        assert len({*expected.values()}) == len(SEEDS)
        subprocess.run("git add -A && git commit -qm small", shell=True, check=True)
        draw, ended, state = random.Random(0), Counter(), SEEDS[-1]
        kills = [False] * anything + [True] * dvc_alone
        draw.shuffle(kills)
        for number, alone in enumerate(kills, start=1):
            asked, other = draw.sample([seed for seed in SEEDS if seed != state], 2)
            _ask_for(asked)
            killed = _kill_at(draw.uniform(0.2, 0.9) * seconds, draw, alone=alone)
            state = other if alone else asked
            _ask_for(state)
            said = _repro()
            if said:  # the recipe of docs/using.md
                subprocess.run(["git", "checkout", "--quiet", "dvc.lock"], check=True)
            again = _repro() if said else ""
            time.sleep(1 if alone else 0)  # a stage left alone would still write
            end = "WRONG" if again or hash_of(MADE) != expected[state] else "as undisturbed"
            told = f"{killed}: {end}" + (f", after: {said} {again}" if said else "")
            ended[told] += 1
            print(number, told, flush=True)
        for what, count in sorted(ended.items()):
            print(f"{count:4d}  {what}")


def make_small() -> None:
    from transformers import AutoModel, set_seed

    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["split"]["folds"], params["train"]["epochs"] = 3, 2
    params["encoder"]["bert"]["checkpoint"] = "data/encoders/tiny"
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))
    pipeline["stages"]["check-params"]["frozen"] = True  # it would take half of the time,
    subprocess.run(["git", "rm", "-rq", "ablations"], check=True)  # and these a quarter
    Path("dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "stages.check_params"], check=True)
    tokenizer = train_tokenizer(
        "bert", ["The travel speed is 4.5 mm/s. The material is 316L."], 400
    )
    set_seed(1)
    config = small_config("bert", tokenizer, layers=1, width=32, heads=2)
    AutoModel.from_config(config).save_pretrained("data/encoders/tiny")
    tokenizer.save_pretrained("data/encoders/tiny")
    for name in ("name", "email"):
        subprocess.run(["git", "config", f"user.{name}", "t"], check=True)


def _ask_for(seed: int) -> None:
    """Other folds; and no run cache, so that all of it is run."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["split"]["seed"] = seed
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    subprocess.run(["rm", "-rf", ".dvc/cache/runs"], check=True)


def _start(stderr: int) -> subprocess.Popen:
    command, out = [sys.executable, "-m", "dvc", "repro", TARGET], subprocess.DEVNULL
    return subprocess.Popen(command, stdout=out, stderr=stderr, text=True, start_new_session=True)


def _repro() -> str:
    """Run to the end; returns "", or the line in which it failed."""
    run = _start(subprocess.PIPE)
    said = run.communicate()[1]
    lines = [line for line in said.splitlines() if "rror" in line]
    return (lines or [f"exit status {run.returncode}"])[0] if run.returncode else ""


def _kill_at(seconds: float, draw: random.Random, *, alone: bool) -> str:
    """Start a run and kill a part of it; returns which."""
    run = _start(subprocess.DEVNULL)  # a pipe that nobody reads would end a stage left alone
    time.sleep(seconds)
    if run.poll() is not None:
        return "nothing, it had ended"
    dvc = psutil.Process(run.pid)
    below = dvc.children(recursive=True)
    how = "dvc alone" if alone else draw.choice(["all", "a stage", "dvc", "Ctrl-C"])
    if how == "Ctrl-C":
        os.killpg(run.pid, signal.SIGINT)
    else:
        victims = {"all": [dvc, *below], "a stage": below[:1]}.get(how, [dvc])
        for victim in victims:
            if victim.is_running():
                victim.kill()
    run.wait()
    return how if below else f"{how}, between stages"


def hash_of(places: Iterable[str]) -> str:
    """A hash of all files in these folders."""
    digest = hashlib.sha256()
    for place in places:
        for file in sorted(one for one in Path(place).rglob("*") if one.is_file()):
            digest.update(f"{file} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    counts = [int(one) for one in sys.argv[1:]] or [60, 20]
    main(*counts)
