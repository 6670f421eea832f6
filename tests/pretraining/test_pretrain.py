"""Pretraining: what is hidden, learned and left behind, and that a kill changes nothing."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from llm4waam.card.card import read_card
from llm4waam.core.files import read_table
from llm4waam.decisions.prior_knowledge import read_facts
from llm4waam.encoders.number_embedding import NUMBERS_FILE, read_number_embedding
from llm4waam.encoders.tokens import NO_FIELD, TokenisedPrompt
from llm4waam.plotting.style import save
from llm4waam.pretraining import tiers
from llm4waam.pretraining.batches import Sentences, SentenceSource
from llm4waam.pretraining.corpus import make_corpus, other_laboratories
from llm4waam.pretraining.figure import pretraining_figure
from llm4waam.pretraining.pretrain import (
    IGNORED,
    VALUES,
    WORDS,
    PretrainingModel,
    _hide,
    _losses,
    pretrain,
)
from llm4waam.pretraining.tiers import TIERS
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer
from stages import pretrain as stage

ENCODERS, NAMES = ("bert", "roberta"), ("bert-mini", "roberta-mini")
TINY = {"seed": 2026, "vocabulary": 400, "layers": 1, "width": 32, "heads": 2, "beads": 64}
TINY |= {"epochs": [1, 1, 1], "batch_size": 16, "learning_rate": 0.003, "workers": 1, "threads": 1}


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Path:
    """A folder in which the stage can run, entered."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert set(raw["pretrain"]) == set(TINY)
    raw["pretrain"] = TINY | changes
    (folder / "data/raw").mkdir(parents=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    shutil.copy(ROOT / stage.CARD, folder / stage.CARD)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tiers, "EXAMINED", 32)
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stage has run."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = enter(tmp_path_factory.mktemp("pretrained"), monkeypatch)
        stage.main()
    return folder


def school_of(encoder: str, beads: int = 64) -> tuple[SentenceSource, PretrainingModel]:
    card = read_card(ROOT / stage.CARD)
    texts = [row["text"] for row in make_corpus(other_laboratories(beads, 1), card, 2, 1)]
    tokenizer = train_tokenizer(encoder, texts, 400)
    school = SentenceSource(card, tokenizer, beads, 1)
    torch.manual_seed(0)
    config = small_config(encoder, tokenizer, layers=1, width=32, heads=2)
    return school, PretrainingModel(config, len(school.names), len(school.formulas)).eval()


@pytest.fixture(scope="module", params=ENCODERS)
def school(request) -> tuple[SentenceSource, PretrainingModel]:
    return school_of(request.param)


def test_the_plots_and_checkpoints_are_those_of_three_tiers_and_nothing_else(done: Path) -> None:
    names = {f"{name}-tier{tier}" for name in NAMES for tier in (0, 1, 2)}
    assert {path.name for path in (done / "data/encoders").iterdir()} == names
    plots = {path.name for path in (done / stage.PLOTS).iterdir()}
    assert plots == {"bert.csv", "roberta.csv", "losses.svg"}
    assert not (done / stage.UNFINISHED).exists()
    first, second = (
        load_file(done / f"data/encoders/bert-mini-tier{t}/model.safetensors") for t in (0, 1)
    )
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("name", "tier"), [("bert-mini", 0), ("roberta-mini", 1), ("bert-mini", 2)]
)
def test_a_checkpoint_loads_without_the_study_s_code_and_says_what_was_learned(
    done: Path, name: str, tier: int
) -> None:
    folder = done / f"data/encoders/{name}-tier{tier}"
    weights = load_file(folder / "model.safetensors").values()
    assert {tensor.dtype for tensor in weights} == {torch.bfloat16}
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert f"{model.config.model_type}-mini" == name
    batch = tokenizer("The travel speed is 4.56 mm/s.", return_tensors="pt")
    pieces = {tokenizer.decode([one]).strip() for one in batch["input_ids"][0]}
    assert {"4", "5", "6"} <= pieces
    assert torch.isfinite(model(**batch).last_hidden_state).all()
    card, facts = read_card(ROOT / stage.CARD), read_facts(str(folder))
    assert (facts["tier"], facts["sentences"]) == (tier, 64 * (tier + 1))
    assert facts["fields"] == card.fields("post_weld", 2)
    channel, scales = read_number_embedding(str(folder), facts)
    assert set(scales) == {
        name
        for name in facts["fields"]
        if name in card.derived or card.columns[name].kind == "number"
    }
    assert scales["travel_speed_mm_s"].log
    stored = load_file(folder / NUMBERS_FILE)
    assert torch.equal(channel.linear.weight, stored["linear.weight"])
    assert channel.linear.weight.shape == (len(facts["fields"]) + 1, 32)
    text = (folder / "README.md").read_text(encoding="utf-8")
    for part in (f"tier {tier}", f"{64 * (tier + 1)}", TIERS[tier], "simulated"):
        assert part in text


def test_a_folder_without_facts_has_no_channel(tmp_path: Path) -> None:
    assert read_facts(str(tmp_path)) is None
    assert read_facts("bert-base-uncased") is None


def test_the_curve_has_a_row_for_every_epoch(done: Path) -> None:
    curve = read_table(done / stage.PLOTS / "bert.csv")
    columns = ["tier", "epoch", "words", "formulas", "new_words", "new_formulas"]
    assert list(curve.columns) == columns
    assert list(curve["tier"]) == [0, 1, 2]
    assert np.isfinite(curve).all(axis=None)
    assert (curve[["words", "new_words"]] > 0).all(axis=None)
    for column in ("formulas", "new_formulas"):
        assert list(curve[column] > 0) == [False, True, True]


def test_the_stage_is_the_same_byte_for_byte_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in tier 1, then in tier 2: a finished tier is not learned again."""
    epochs, real = [], tiers.pretrain

    def killed_in(tier: int | None) -> None:
        def counted(*what: object, **how: object):
            for row in real(*what, **how):
                epochs.append(how["seed"] - TINY["seed"])
                yield row
                if epochs[-1] == tier:
                    raise KeyboardInterrupt

        monkeypatch.setattr(tiers, "pretrain", counted)

    trees = []
    for name, kills in (("whole", []), ("killed", [1, 2])):
        folder = enter(tmp_path / name, monkeypatch, epochs=[2, 2, 2], beads=32)
        epochs.clear()
        for kill in kills:
            killed_in(kill)
            with pytest.raises(KeyboardInterrupt):
                stage.main("bert")
        killed_in(None)
        stage.main("bert")
        assert epochs.count(0) == 2
        files = [*(folder / "data/encoders").rglob("*"), *(folder / stage.PLOTS).rglob("*")]
        trees.append({f.relative_to(folder): f.read_bytes() for f in files if f.is_file()})
    assert trees[0] == trees[1]
    assert len({path.parent for path in trees[0]}) == 4
    # The control: another seed leaves other weights.
    folder = enter(tmp_path / "other", monkeypatch, epochs=[2, 2, 2], beads=32, seed=5)
    stage.main("bert")
    file = Path("data/encoders/bert-mini-tier0/model.safetensors")
    assert (folder / file).read_bytes() != trees[0][file]


def test_every_lesson_is_about_new_beads_and_the_same_again(school) -> None:
    teacher, _ = school
    first, again, other = teacher.sentences(1, 2), teacher.sentences(1, 2), teacher.sentences(2, 2)
    assert len(first.prompts) == len(first.formulas) == 64
    assert [p.ids.tolist() for p in first.prompts] == [p.ids.tolist() for p in again.prompts]
    assert np.array_equal(first.formulas, again.formulas, equal_nan=True)
    assert not {tuple(p.ids) for p in first.prompts} & {tuple(p.ids) for p in other.prompts}
    assert len(teacher.sentences(1, 0, 10).prompts) == 10


def test_formulas_come_tier_by_tier_and_from_set_points_alone(school) -> None:
    teacher, _ = school
    tiers = [teacher.card.derived[name].tier for name in teacher.formulas]
    assert tiers == sorted(tiers)
    assert [teacher.known_formulas(tier) for tier in (0, 1, 2)] == [0, tiers.count(1), len(tiers)]
    assert {"arc_power_w", "line_energy_j_mm"}.isdisjoint(teacher.formulas)
    assert set(teacher.card.named("outcome")).isdisjoint(teacher.formulas)
    answers = teacher.sentences(0, 2).formulas  # the beads of the scales
    assert np.allclose(np.nanmean(answers, axis=0), 0, atol=1e-9)
    assert np.allclose(np.nanstd(answers, axis=0), 1)


def test_whole_values_are_hidden_and_never_a_special_token(school) -> None:
    teacher, _ = school
    special = set(teacher.tokenizer.all_special_ids)
    rng, values, others = np.random.default_rng(0), [], []
    for prompt in [*teacher.sentences(1, 2).prompts] * 4:
        padding = 5
        fields = torch.tensor([*prompt.fields.tolist(), *[NO_FIELD] * padding])
        ids = torch.tensor([*prompt.ids.tolist(), *[teacher.tokenizer.pad_token_id] * padding])
        hidden = _hide(fields, ids, teacher.tokenizer, rng)
        assert hidden.shape == ids.shape
        for field in set(prompt.fields) - {NO_FIELD}:
            of_value = hidden[fields == field]
            assert of_value.all() or not of_value.any()
            values.append(bool(of_value[0]))
        is_special = torch.tensor([int(one) in special for one in ids])
        assert not hidden[is_special].any()
        others += hidden[(fields == NO_FIELD) & ~is_special].tolist()
    assert abs(np.mean(values) - VALUES) < 0.03
    assert abs(np.mean(others) - WORDS) < 0.01


class Witness:
    """Stands for a learner and keeps what it is shown."""

    device = torch.device("cpu")

    def losses(self, batch: dict, labels: torch.Tensor, formulas: torch.Tensor) -> tuple:
        self.batch, self.labels, self.formulas = batch, labels, formulas
        return torch.zeros(()), torch.zeros(())


ROWS = range(8)


def shown(teacher: SentenceSource, lesson: Sentences, formulas: int) -> Witness:
    witness = Witness()
    _losses(witness, lesson, ROWS, teacher.tokenizer, formulas, False, np.random.default_rng(3))
    return witness


def test_half_of_a_batch_is_masked_the_other_answers_and_half_of_each_has_no_channel(
    school,
) -> None:
    teacher, _ = school
    lesson = teacher.sentences(1, 2)
    seen = shown(teacher, lesson, 3)
    for row in ROWS:
        prompt = lesson.prompts[row]
        length = len(prompt)
        hidden = seen.labels[row] != IGNORED
        assert bool(hidden.any()) is (row < 4)
        ids, true = seen.batch["input_ids"][row, :length], torch.tensor(prompt.ids.tolist())
        assert (ids[hidden[:length]] == teacher.tokenizer.mask_token_id).all()
        assert torch.equal(seen.labels[row, :length][hidden[:length]], true[hidden[:length]])
        assert torch.equal(ids[~hidden[:length]], true[~hidden[:length]])
        numbers = seen.batch["numbers"][row, :length]
        expected = torch.tensor(prompt.numbers.tolist())
        expected[hidden[:length]] = math.nan
        if row % 2 == 0:
            expected[:] = math.nan
        else:
            assert not torch.isnan(numbers).all()
        assert torch.equal(numbers.nan_to_num(99), expected.nan_to_num(99))
    # Whole sentences alone answer the formulas, and no formula above the tier.
    for count in (0, 3, len(teacher.formulas)):
        expected = torch.tensor(lesson.formulas[ROWS.start : ROWS.stop], dtype=torch.float32)
        expected[:4], expected[:, count:] = math.nan, math.nan
        answers = shown(teacher, lesson, count).formulas
        assert torch.equal(answers.nan_to_num(99), expected.nan_to_num(99))


def losses(school, lesson: Sentences, formulas: int) -> tuple[float, float]:
    teacher, learner = school
    with torch.no_grad():
        rng = np.random.default_rng(3)
        found = _losses(learner, lesson, ROWS, teacher.tokenizer, formulas, False, rng)
    return tuple(loss.item() for loss in found)


def changed(lesson: Sentences, row: int, places: list[bool]) -> Sentences:
    """The lesson with other z-scores at some tokens of a row."""
    prompts = list(lesson.prompts)
    old = prompts[row]
    numbers = [n + 1.5 if here else n for n, here in zip(old.numbers, places, strict=True)]
    prompts[row] = TokenisedPrompt(old.ids, old.fields, numbers)
    return Sentences(prompts, lesson.formulas)


def test_the_number_of_a_hidden_value_does_not_leak(school) -> None:
    lesson = school[0].sentences(1, 2)
    row = 1  # masked, and with the channel
    prompt = lesson.prompts[row]
    labels = shown(school[0], lesson, 3).labels[row, : len(prompt)]
    known = [not math.isnan(number) for number in prompt.numbers]
    hidden = [bool(h) and k for h, k in zip(labels != IGNORED, known, strict=True)]
    open_ = [k and not h for h, k in zip(hidden, known, strict=True)]
    assert any(hidden)
    assert any(open_)
    first = losses(school, lesson, 3)
    assert losses(school, changed(lesson, row, hidden), 3) == first
    assert losses(school, changed(lesson, row, open_), 3) != first
    # A row without the channel hears no number at all.
    assert losses(school, changed(lesson, 0, [True] * len(lesson.prompts[0])), 3) == first


def test_the_answers_of_a_higher_tier_do_not_enter_the_loss(school) -> None:
    teacher, _ = school
    lesson = teacher.sentences(1, 2)
    for tier in (0, 1, 2):
        known = teacher.known_formulas(tier)
        first = losses(school, lesson, known)
        assert math.isfinite(first[0])
        assert (first[1] > 0) is (tier > 0)
        for column in range(len(teacher.formulas)):
            other = lesson.formulas.copy()
            other[:, column] += 3
            found = losses(school, Sentences(lesson.prompts, other), known)
            assert found[0] == first[0]
            assert (found[1] != first[1]) is (column < known)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_both_losses_fall(encoder: str) -> None:
    teacher, learner = school_of(encoder, beads=192)
    untrained = [p.detach().clone() for p in learner.number_embedding.parameters()]
    rows = list(
        pretrain(
            learner,
            lambda epoch: teacher.sentences(1 + epoch, 1),
            teacher.sentences(1, 1, 64),
            teacher.tokenizer,
            epochs=5,
            count=192,
            batch_size=16,
            learning_rate=0.005,
            formulas=teacher.known_formulas(1),
            bf16=False,
            seed=0,
        )
    )
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    for column in ("words", "formulas", "new_words", "new_formulas"):
        assert rows[-1][column] < rows[0][column], column
    moved = zip(learner.number_embedding.parameters(), untrained, strict=True)
    assert all(not torch.equal(now, before) for now, before in moved)


def test_the_figure_shows_every_loss_of_every_tier_and_says_it_is_simulated(
    done: Path, tmp_path: Path
) -> None:
    curves = {name: read_table(done / stage.PLOTS / f"{name}.csv") for name in ENCODERS}
    figure = pretraining_figure(curves)
    words, formulas = figure.axes
    assert all("simulated sentences" in axis.get_title() for axis in figure.axes)
    # Two encoders, two curves, one line for each tier; tier 0 has no formula.
    assert (len(words.lines), len(formulas.lines)) == (12, 8)
    solid = [line for line in words.lines if line.get_linestyle() == "-"]
    drawn = np.concatenate([line.get_ydata() for line in solid])
    expected = pd.concat(curves.values())["new_words"]
    assert np.array_equal(np.sort(drawn), np.sort(expected))
    assert sorted(set(np.concatenate([line.get_xdata() for line in solid]))) == [1, 2, 3]
    written = set()
    for _ in range(2):
        save(tmp_path / "figure.svg", pretraining_figure(curves), simulated=True)
        written.add((tmp_path / "figure.svg").read_bytes())
    assert len(written) == 1
