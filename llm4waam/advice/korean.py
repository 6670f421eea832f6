"""Korean particles, which depend on the last sound of the word before them."""

import unicodedata

# With a final consonant, without one.
PAIRS = {
    "은": ("은", "는"),
    "이": ("이", "가"),
    "을": ("을", "를"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
}
LIEUL = 8  # the final consonant after which 으로 is 로
# Digits and letters as they are read aloud: 1 is 일, L is 엘. The value: the final consonant.
ENDS = {"0": 21, "1": 8, "3": 16, "6": 1, "7": 8, "8": 8} | {"l": 8, "m": 16, "n": 4, "r": 8}


def final(word: str) -> int:
    """The number of the last sound's final consonant, 0 where it has none.

    What stands in brackets at the end is passed over: the particle belongs to the word before it.
    Latin words and digits go by the name of their last character.
    """
    bare = word.rstrip()
    while bare.endswith(")") and "(" in bare:
        bare = bare[: _opening(bare)].rstrip()
    letters = [c for c in unicodedata.normalize("NFC", bare) if c.isalnum()]
    if not letters:
        return 0
    last = letters[-1].lower()
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28
    return ENDS.get(last, 0)


def _opening(text: str) -> int:
    """Where the bracket opens that the text's last letter closes; 0 where none does."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            return place
    return 0


def with_particle(word: str, particle: str) -> str:
    """The word with the right form of a particle, named by its form after a consonant ("은")."""
    closed, bare = PAIRS[particle]
    consonant = final(word)
    open_ended = consonant == 0 or (particle == "으로" and consonant == LIEUL)
    return word + (bare if open_ended else closed)
