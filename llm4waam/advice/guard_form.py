"""What the guard asks of a rewrite's form and words, whatever its claims."""

import re
import unicodedata
from collections import Counter

from llm4waam.advice.draft import SLOT, Draft
from llm4waam.advice.guard_names import Names
from llm4waam.advice.guard_words import words_of

# A word of these groups may stand in a rewrite only as often as in the draft.
CLOSED = {
    "numbers": "number",
    "units": "unit",
    "inflated": "certainty",
    "degree": "degree",
    "high": "degree",
    "low": "degree",
    "bounds": "bound",
    "process": "new",
    "condition": "new",
    "earlier": "new",
    "needed": "new",
}
MEANT = ("known", "enough", "advised", "reached", "later")  # and said in other words
LOOSE = ("high", "low", "needed", "earlier")  # words for each other: high, highest
_MARKUP = re.compile(
    r"[*_`#<>|{}\\^=\"“”«»\n\t→]|\]\(|^\s*[-•]|https?:|www\.|\.com\b|[\U0001F000-\U0001FFFF]|(?<!\]\])~|~(?!\[\[)"
)
_PARTICLE = re.compile(rf"(?:{SLOT.pattern}|⟨\d+⟩)[가-힣]*")
_LETTER = re.compile(r"[^\W\d_]")
_HANGUL = re.compile(r"[가-힣]")


def form(draft: Draft, rewritten: str, names: Names) -> list[str]:
    """Objections to markers, length, language, markup, frame and end; the words come later."""
    found = []
    wanted, given = (Counter(SLOT.findall(text)) for text in (draft.marked, rewritten))
    found += [
        f"marker: {slot} stands {given[slot]} times instead of {wanted[slot]}"
        for slot in sorted(wanted | given)
        if wanted[slot] != given[slot]
    ]
    bare = SLOT.sub(" ", rewritten)
    if re.search(r"[\[\]]", bare) and not re.search(r"[\[\]]", SLOT.sub(" ", draft.marked)):
        found.append("marker: a broken marker")
    if not 0.5 <= len(rewritten.strip()) / max(len(draft.marked), 1) <= 2:
        found.append(f"length: {len(rewritten)} letters instead of {len(draft.marked)}")
    if mark := _MARKUP.search(rewritten.strip()):
        found.append(f"markup: {mark.group()!r}")
    if hidden := next((c for c in rewritten if unicodedata.category(c)[0] == "C"), None):
        found.append(f"markup: a hidden character {ord(hidden):#x}")
    if frame := names.words.groups["preamble"].search(rewritten.strip()):
        found.append(f"preamble: {frame.group().strip()!r}")
    if not rewritten.rstrip().endswith((".", "!", "?")) or (
        draft.language == "ko" and not re.search(r"[다요오음함됨임](?:\([^()]*\))?\W*$", rewritten)
    ):
        found.append("end: the last sentence is not finished")
    return found + _language(draft, bare)


def closed_words(draft: Draft, rewritten: str, names: Names) -> list[str]:
    """Objections to words that only the draft may bring in, and to lost doubt."""
    before, after = (names.take(text) for text in (draft.marked, rewritten))
    found = []
    if "?" in rewritten and "?" not in draft.marked:
        found.append("new: a question")
    for group, family in CLOSED.items():
        was, now = (Counter(names.words.found(group, text)) for text in (before, after))
        if was and group in LOOSE:
            continue
        found += [f"{family}: {word!r} is not of the draft" for word in sorted(now - was)]
        if group == "degree":
            found += [f"{family}: {word!r} is lost" for word in sorted(was - now)]
    was, now = (Counter(_digits(text)) for text in (before, after))
    found += [f"number: {word!r} outside the markers" for word in sorted(now - was)]
    if names.words.found("hedge", before) and not names.words.found("hedge", after):
        found.append("certainty: the draft says what is likely, the rewrite what is")
    for label in names.words.labels:
        if hit := re.search(label if draft.language == "ko" else rf"\b{label}\b", after, re.I):
            found.append(f"label: {hit.group()!r} is not of the draft")
    return found + _unknown_words(draft.marked, after, names)


def _digits(text: str) -> list[str]:
    """Words with a digit, and signs such as ½ that stand for a number."""
    bare = re.sub(r"⟨\d+⟩", " ", SLOT.sub(" ", text))
    signs = [c for c in bare if unicodedata.category(c) in ("No", "Nl")]
    return re.findall(r"[\w.+%-]*\d[\w.+%-]*", bare) + signs


def _language(draft: Draft, bare: str) -> list[str]:
    letters = _LETTER.findall(bare)
    hangul = sum(bool(_HANGUL.match(letter)) for letter in letters)
    if draft.language == "en":
        strange = [letter for letter in letters if not letter.isascii() and letter not in "éï"]
        return [f"language: {''.join(strange[:8])!r} in an English text"] if strange else []
    latin = set(re.findall(r"[A-Za-z]{2,}", bare)) - set(re.findall(r"[A-Za-z]{2,}", draft.marked))
    other = [a for a in letters if not a.isascii() and not _HANGUL.match(a)]
    odd = [*sorted(latin), *other]
    if odd or hangul < len(letters) * 0.4:
        return [f"language: {', '.join(odd[:4]) or 'too little Hangul'} in a Korean text"]
    return []


def _unknown_words(before: str, after: str, names: Names) -> list[str]:
    """Words that carry a meaning which the draft does not."""
    words = words_of(names.words.language)
    pattern = r"[a-z]+(?:'t)?" if words.language == "en" else r"[가-힣]+"
    known = words.stems | {words.stem(word) for word in re.findall(pattern, before.lower())}
    ours = re.findall(pattern, _PARTICLE.sub(" ", after).lower())
    led = ["up", "down", "negation", "hedge", "sure", *CLOSED]
    led += [group for group in MEANT if words.groups[group].search(before)]
    strange = [
        word
        for word in ours
        if len(word) > 1
        and words.stem(word) not in known
        and not any(words.groups[group].search(word) for group in led)
    ]
    if strange:
        return [f"new: words that the draft does not lead to: {', '.join(strange[:5])}"]
    return []
