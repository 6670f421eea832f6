"""The study's own card, tasks and ablations, for the tests of variations."""

from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.core.settings import read_params
from llm4waam.splits.tasks import make_task
from stages.check_params import AllParams

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)
SETTINGS = read_params(AllParams, ROOT / "params.yaml").ablations
TASKS = {name: make_task(CARD, name, FILE) for name in CARD.tasks}
