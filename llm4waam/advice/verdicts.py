"""Tables of what advice, probabilities and explanations are worth, with a verdict in words each.

All numbers are those of metrics/advice.json.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm4waam.advice.wording import page_words, titled, words
from llm4waam.advice.writer import Writer
from llm4waam.card.card import Card
from llm4waam.plotting.pages import DASH, number

CLOSE = 0.05  # promised and measured differ by more: the promise was not kept
FEW = 10  # beads of which nothing is said
SAME = 0.03  # shares of normal welds that differ by less do not differ
# A correlation up to each of these is called so; what lies above is called "close".
AGREEMENTS = {"none": 0.2, "weak": 0.4, "moderate": 0.6, "strong": 0.8}
# Log-loss over that of the base rates, likewise; above 1 is "base_worse".
AGAINST_BASE = {"base_much": 0.7, "base_better": 0.9, "base_near": 1.0}
COMPLETE = 0.01  # of a log odds ratio
CORRELATIONS = ("agreement_seeds", "agreement_templates", "agreement_gradient_boosting")


@dataclass(frozen=True)
class Table:
    """Texts of a table: the head and the rows, of equally many cells."""

    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Verdicts:
    """Tables and verdicts in the language of a writer."""

    writer: Writer

    @property
    def card(self) -> Card:
        return self.writer.card

    def word(self, section: str, key: str, **values: object) -> str:
        """A text of page_words.yaml."""
        return page_words()[section][key][self.writer.language].format(**values)

    def verdict(self, key: str, **values: object) -> str:
        """One of the verdicts."""
        return self.word("verdicts", key, **values)

    def promise(self, expected: float, measured: float, beads: int) -> str:
        """Whether as much came out normal as was expected, both as shares."""
        if beads < FEW:
            return self.verdict("few")
        more = measured - expected
        if abs(more) <= CLOSE:
            return self.verdict("as_promised")
        return self.verdict("more" if more > 0 else "less", points=f"{-100 * more:.0f}")

    def against_base(self, own: float | None, base: float | None) -> str:
        """Of a log-loss and that of the base rates; a dash where one is not defined."""
        if own is None or not base:
            return DASH
        return self.verdict(_up_to(own / base, AGAINST_BASE, "base_worse"))

    def correlation(self, value: float) -> str:
        """How strong a rank correlation is; a negative one is no agreement."""
        return self.verdict(_up_to(value, AGREEMENTS, "close"))

    def encoders(self, with_them: float, alone: float) -> str:
        """Whether the encoders make advice better, from shares of normal welds."""
        if abs(with_them - alone) <= SAME:
            return self.verdict("encoders_same")
        return self.verdict("encoders_help" if with_them > alone else "encoders_harm")

    def difference(self, interval: Mapping) -> str:
        """Whether advice is worth more than a random change."""
        if interval["low"] is None or interval["low"] <= 0 <= interval["high"]:
            return self.verdict("unclear")
        return self.verdict("ahead" if interval["mean"] > 0 else "behind")

    def success(self, tried: Mapping) -> Table:
        """A row for each group of advised beads."""
        keys = ("size", "expected", "as_run", "random", "advised", "oracle")
        head = [self.word("rows", key) for key in ("group", "count", *keys, "verdict")]
        rows = [
            [
                name,
                str(one["beads"]),
                f"{one['size']:.2f}",
                *(percent(one.get(key)) for key in keys[1:]),
                self.promise(one["expected"], one["advised"], one["beads"]),
            ]
            for name, one in self._groups(tried)
            if one["beads"]
        ]
        return Table(head, rows)

    def _groups(self, tried: Mapping) -> Iterator[tuple[str, Mapping]]:
        yield self.word("groups", "all"), tried | {"beads": tried["advised_beads"]}
        for kind, one in tried["by_kind"].items():
            name = words()["kinds"][kind][self.writer.language]
            yield self.word("groups", "by_kind", name=name), one
        defects = {label.lower().replace(" ", "_"): label for label in words()["labels"]}
        for defect, one in tried["by_defect"].items():
            name = self.writer.name("labels", defects.get(defect, defect))
            yield self.word("groups", "by_defect", name=name), one
        for part, scale in (("by_size", 100), ("by_chance", 1)):
            for bounds, one in tried[part].items():
                low, high = bounds.removeprefix("from_").split("_to_")
                ends = [f"{float(end) / scale:g}" for end in (low, high) if end != "more"]
                key = f"{part}_more" if high == "more" else part
                yield self.word("groups", key, low=ends[0], high=ends[-1]), one
        if tried["without_encoders"]:
            yield self.word("groups", "without_encoders"), tried["without_encoders"]

    def probabilities(self, certain: Mapping) -> Table:
        """A row for each classification, from the section `certainty`."""
        keys = ("log_loss_after", "log_loss_base_rate", "log_loss_before")
        head = [self.word("rows", key) for key in ("task", *keys, "verdict")]
        rows = [
            [
                titled(task, self.writer.language),
                *(number(one[key]) for key in keys),
                self.against_base(one["log_loss_after"], one["log_loss_base_rate"]),
            ]
            for task, one in certain.items()
            if "log_loss_after" in one
        ]
        return Table(head, rows)

    def intervals(self, certain: Mapping) -> Table:
        """A row for each regression, from the section `certainty`."""
        keys = ("task", "coverage", "median_relative_width", "verdict")
        rows = []
        for task, one in certain.items():
            if "coverage" not in one:
                continue
            ends = self.writer.span(*(percent(one[f"coverage_{end}"]) for end in ("low", "high")))
            if one["coverage_low"] <= 0.9 <= one["coverage_high"]:
                verdict = self.verdict("covered", beads=one["beads"])
            else:
                verdict = self.verdict("narrow" if one["coverage"] < 0.9 else "wide")
            width = percent(one["median_relative_width"])
            rows.append(
                [
                    titled(task, self.writer.language),
                    f"{percent(one['coverage'])} ({ends})",
                    width,
                    verdict,
                ]
            )
        return Table([self.word("rows", key) for key in keys], rows)

    def explanations(self, faithful: Mapping) -> Table:
        """A row for each check, from the section `faithfulness`; one that was not made is none."""
        head = [self.word("rows", key) for key in ("measure", "value", "against", "verdict")]
        found = []
        gap = faithful["completeness_gap"]
        verdict = self.verdict("complete" if abs(gap) < COMPLETE else "incomplete")
        found.append(("completeness_gap", number(gap), DASH, verdict))
        for key, good, poor, sign in (
            ("deletion", "sooner", "not_sooner", -1), ("insertion", "told", "not_told", 1)
        ):  # fmt: skip
            own, other = faithful.get(key), faithful.get(f"{key}_random")
            if own is not None and other is not None:
                verdict = self.verdict(good if sign * (own - other) > 0 else poor)
                found.append((key, percent(own), percent(other), verdict))
        for key in CORRELATIONS:
            if (value := faithful.get(key)) is not None:
                found.append((key, f"{value:.2f}", DASH, self.correlation(value)))
        if (value := faithful.get("agreement_random_weights")) is not None:
            known = "should_not" if value <= AGREEMENTS["none"] else "should"
            verdict = self.verdict(known, agreement=self.correlation(value))
            found.append(("agreement_random_weights", f"{value:.2f}", DASH, verdict))
        return Table(head, [[self.word("rows", key), *rest] for key, *rest in found])


def percent(share: float | None) -> str:
    """A share of 1 as a percentage without digits; a dash for one that is not defined."""
    return DASH if share is None else f"{100 * share:.0f} %"


def _up_to(value: float, names: Mapping[str, float], above: str) -> str:
    return next((name for name, end in names.items() if value < end), above)
