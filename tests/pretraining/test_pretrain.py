"""Pretraining: what is hidden, asked and left behind, and that a kill changes nothing."""

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


# What is left behind.


def test_there_is_a_checkpoint_of_every_tier_and_nothing_else(done: Path) -> None:
    names = {f"{name}-tier{tier}" for name in NAMES for tier in (0, 1, 2)}
    assert {path.name for path in (done / "data/encoders").iterdir()} == names
    assert {path.name for path in (done / stage.PLOTS).iterdir()} == {
        "bert.csv",
        "roberta.csv",
        "losses.svg",
    }
    assert not (done / stage.UNFINISHED).exists()
    weights = [
        load_file(done / f"data/encoders/bert-mini-tier{t}/model.safetensors") for t in (0, 1)
    ]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("tier", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_loads_without_the_study_s_code(done: Path, name: str, tier: int) -> None:
    folder = done / f"data/encoders/{name}-tier{tier}"
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {
        torch.bfloat16
    }
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert f"{model.config.model_type}-mini" == name
    assert model.config.hidden_size == 32
    batch = tokenizer("The travel speed is 4.56 mm/s.", return_tensors="pt")
    pieces = [tokenizer.decode([one]).strip() for one in batch["input_ids"][0]]
    assert pieces[-8:].count("5") == 1 or {"4", "5", "6"} <= set(pieces)
    assert torch.isfinite(model(**batch).last_hidden_state).all()


@pytest.mark.parametrize("tier", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_facts_channel_and_model_card_say_what_was_learned(
    done: Path, name: str, tier: int
) -> None:
    folder = done / f"data/encoders/{name}-tier{tier}"
    card = read_card(ROOT / stage.CARD)
    facts = read_facts(str(folder))
    assert facts["tier"] == tier
    assert facts["sentences"] == 64 * (tier + 1)
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
    assert f"tier {tier}" in text
    assert f"{64 * (tier + 1)}" in text
    assert TIERS[tier] in text
    assert "simulated" in text


def test_a_folder_without_facts_has_no_channel(tmp_path: Path) -> None:
    assert read_facts(str(tmp_path)) is None
    assert read_facts("bert-base-uncased") is None


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_curve_has_a_row_for_every_epoch(done: Path, encoder: str) -> None:
    curve = read_table(done / stage.PLOTS / f"{encoder}.csv")
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
        def counted(*told: object, **how: object):
            for row in real(*told, **how):
                epochs.append(how["seed"] - TINY["seed"])
                yield row
                if epochs[-1] == tier:
                    raise KeyboardInterrupt

        monkeypatch.setattr(tiers, "pretrain", counted)

    monkeypatch.setattr(stage, "ENCODERS", ["bert"])
    trees = []
    for name, kills in (("whole", []), ("killed", [1, 2])):
        folder = enter(tmp_path / name, monkeypatch, epochs=[2, 2, 2], beads=32)
        epochs.clear()
        for kill in kills:
            killed_in(kill)
            with pytest.raises(KeyboardInterrupt):
                stage.main()
        killed_in(None)
        stage.main()
        assert epochs.count(0) == 2
        files = [*(folder / "data/encoders").rglob("*"), *(folder / stage.PLOTS).rglob("*")]
        trees.append({f.relative_to(folder): f.read_bytes() for f in files if f.is_file()})
    assert trees[0] == trees[1]
    assert len({path.parent for path in trees[0]}) == 4


def test_another_seed_leaves_other_weights(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: equal bytes are not a matter of course."""
    folder = enter(tmp_path / "other", monkeypatch, seed=5)
    monkeypatch.setattr(stage, "ENCODERS", ["bert"])
    stage.main()
    file = "data/encoders/bert-mini-tier0/model.safetensors"
    assert (folder / file).read_bytes() != (done / file).read_bytes()


# Lessons.


def test_every_lesson_is_about_new_beads_and_the_same_again(school) -> None:
    teacher, _ = school
    first, again, other = teacher.sentences(1, 2), teacher.sentences(1, 2), teacher.sentences(2, 2)
    assert len(first.prompts) == len(first.formulas) == 64
    assert [p.ids for p in first.prompts] == [p.ids for p in again.prompts]
    assert np.array_equal(first.formulas, again.formulas, equal_nan=True)
    assert not {tuple(p.ids) for p in first.prompts} & {tuple(p.ids) for p in other.prompts}
    assert len(teacher.sentences(1, 0, 10).prompts) == 10


def test_formulas_are_asked_tier_by_tier_from_set_points_alone(school) -> None:
    teacher, _ = school
    tiers = [teacher.card.derived[name].tier for name in teacher.formulas]
    assert tiers == sorted(tiers)
    assert [teacher.known_formulas(tier) for tier in (0, 1, 2)] == [0, tiers.count(1), len(tiers)]
    assert {"arc_power_w", "line_energy_j_mm"}.isdisjoint(teacher.formulas)
    outcomes = teacher.card.named("outcome")
    assert set(outcomes).isdisjoint(teacher.formulas)
    answers = teacher.sentences(0, 2).formulas  # the beads of the scales
    assert np.allclose(np.nanmean(answers, axis=0), 0, atol=1e-9)
    assert np.allclose(np.nanstd(answers, axis=0), 1)


# What is hidden.


@pytest.mark.parametrize("encoder", ENCODERS)
def test_whole_values_are_hidden_and_never_a_special_token(encoder: str) -> None:
    teacher, _ = school_of(encoder)
    special = set(teacher.tokenizer.all_special_ids)
    rng, values, others = np.random.default_rng(0), [], []
    for prompt in teacher.sentences(1, 2).prompts * 4:
        room = 5  # padding
        fields = torch.tensor(prompt.fields + [NO_FIELD] * room)
        ids = torch.tensor(prompt.ids + [teacher.tokenizer.pad_token_id] * room)
        hidden = _hide(fields, ids, teacher.tokenizer, rng)
        assert hidden.shape == ids.shape
        for field in set(prompt.fields) - {NO_FIELD}:
            of_value = hidden[fields == field]
            assert of_value.all() or not of_value.any()
            values.append(bool(of_value[0]))
        assert not hidden[[int(one) in special for one in ids]].any()
        plain = [
            f == NO_FIELD and int(one) not in special for f, one in zip(fields, ids, strict=True)
        ]
        others += hidden[plain].tolist()
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


def test_half_of_a_batch_is_masked_and_half_of_each_half_has_no_channel(school) -> None:
    teacher, _ = school
    lesson = teacher.sentences(1, 2)
    seen = shown(teacher, lesson, 3)
    for row in ROWS:
        prompt = lesson.prompts[row]
        length = len(prompt)
        hidden = seen.labels[row] != IGNORED
        assert bool(hidden.any()) is (row < 4)
        ids, true = seen.batch["input_ids"][row, :length], torch.tensor(prompt.ids)
        assert (ids[hidden[:length]] == teacher.tokenizer.mask_token_id).all()
        assert torch.equal(seen.labels[row, :length][hidden[:length]], true[hidden[:length]])
        assert torch.equal(ids[~hidden[:length]], true[~hidden[:length]])
        numbers = seen.batch["numbers"][row, :length]
        expected = torch.tensor(prompt.numbers)
        expected[hidden[:length]] = math.nan
        if row % 2 == 0:
            expected[:] = math.nan
        else:
            assert not torch.isnan(numbers).all()
        assert torch.equal(numbers.nan_to_num(99), expected.nan_to_num(99))


def test_formulas_are_asked_of_whole_sentences_and_up_to_the_tier(school) -> None:
    teacher, _ = school
    lesson = teacher.sentences(1, 2)
    for count in (0, 3, len(teacher.formulas)):
        asked = shown(teacher, lesson, count).formulas
        assert torch.isnan(asked[:4]).all()
        assert torch.isnan(asked[:, count:]).all()
        expected = torch.tensor(lesson.formulas[4:8, :count], dtype=torch.float32)
        assert torch.equal(asked[4:, :count], expected)


def losses(school, lesson: Sentences, formulas: int) -> tuple[float, float]:
    teacher, learner = school
    with torch.no_grad():
        rng = np.random.default_rng(3)
        found = _losses(learner, lesson, ROWS, teacher.tokenizer, formulas, False, rng)
    return tuple(loss.item() for loss in found)


def changed(lesson: Sentences, row: int, places: list[bool]) -> Sentences:
    """The lesson with other z-scores at some tokens of a row."""
    prompts = list(lesson.prompts)
    told = prompts[row]
    numbers = [n + 1.5 if here else n for n, here in zip(told.numbers, places, strict=True)]
    prompts[row] = TokenisedPrompt(told.ids, told.fields, numbers)
    return Sentences(prompts, lesson.formulas)


def test_the_number_of_a_hidden_value_does_not_leak(school) -> None:
    lesson = school[0].sentences(1, 2)
    row = 1  # masked, and with the channel
    prompt = lesson.prompts[row]
    labels = shown(school[0], lesson, 3).labels[row, : len(prompt)]
    known = [not math.isnan(number) for number in prompt.numbers]
    hidden = [bool(h) and k for h, k in zip(labels != IGNORED, known, strict=True)]
    told = [k and not h for h, k in zip(hidden, known, strict=True)]
    assert any(hidden)
    assert any(told)
    first = losses(school, lesson, 3)
    assert losses(school, changed(lesson, row, hidden), 3) == first
    assert losses(school, changed(lesson, row, told), 3) != first
    # A row without the channel hears no number at all.
    assert losses(school, changed(lesson, 0, [True] * len(lesson.prompts[0])), 3) == first


def test_the_answers_of_a_higher_tier_do_not_enter_the_loss(school) -> None:
    teacher, _ = school
    lesson = teacher.sentences(1, 2)
    for tier in (0, 1, 2):
        asked = teacher.known_formulas(tier)
        first = losses(school, lesson, asked)
        assert math.isfinite(first[0])
        assert (first[1] > 0) is (tier > 0)
        for column in range(len(teacher.formulas)):
            other = lesson.formulas.copy()
            other[:, column] += 3
            found = losses(school, Sentences(lesson.prompts, other), asked)
            assert found[0] == first[0]
            assert (found[1] != first[1]) is (column < asked)


# That it learns.


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


# The figure.


def made_up(epochs: int, shift: float) -> pd.DataFrame:
    rows = []
    for tier in range(3):
        for epoch in range(1, epochs + 1):
            words = 1.2 + shift + 3 / (tier * epochs + epoch)
            wrong = (1 + shift) / epoch if tier else 0.0
            losses = {"words": words, "formulas": wrong}
            losses |= {"new_words": words + 0.1, "new_formulas": wrong * 1.2}
            rows.append({"tier": tier, "epoch": epoch} | losses)
    return pd.DataFrame(rows)


def test_the_figure_names_encoders_tiers_and_that_sentences_are_simulated(tmp_path: Path) -> None:
    curves = {"bert": made_up(4, 0.0), "roberta": made_up(4, 0.2)}
    figure = pretraining_figure(curves)
    words, formulas = figure.axes
    assert all("simulated sentences" in axis.get_title() for axis in figure.axes)
    assert [text.get_text()[:6] for text in words.texts] == ["tier 0", "tier 1", "tier 2"]
    assert [text.get_text()[:6] for text in formulas.texts] == ["tier 1", "tier 2"]
    assert formulas.get_yscale() == "log"
    [legend] = figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == ["BERT", "RoBERTa", "sentences not learned from", "training"]
    # Two encoders, two curves, one line for each tier; tier 0 asked for no formula.
    assert (len(words.lines), len(formulas.lines)) == (12, 8)
    solid = [line for line in words.lines if line.get_linestyle() == "-"]
    drawn = np.concatenate([line.get_ydata() for line in solid])
    expected = pd.concat(curves.values())["new_words"]
    assert np.array_equal(np.sort(drawn), np.sort(expected))
    assert sorted(set(np.concatenate([line.get_xdata() for line in solid]))) == list(range(1, 13))
    for name in ("a.svg", "b.svg"):
        save(tmp_path / name, pretraining_figure(curves), simulated=True)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_figure_is_drawn_from_the_stage_s_own_curves(done: Path) -> None:
    curves = {name: read_table(done / stage.PLOTS / f"{name}.csv") for name in ENCODERS}
    pretraining_figure(curves).canvas.draw()
