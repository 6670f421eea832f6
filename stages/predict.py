"""What the final models say of new beads: `python -m stages.predict beads.csv`, or `--help`."""

import sys

from llm4waam.commands.options import read_request
from llm4waam.core.stage import run_stage

SKIPPED = 3  # the exit status where rows were left out; 1 is a mistake, 2 a wrong option


def main(*arguments: str) -> None:
    """Answer for every bead that is asked about, and explain it where that is asked for."""
    request = read_request(list(arguments))
    # Here, as they take seconds: a slip in the options is told at once.
    from llm4waam.advice.settings import Advice
    from llm4waam.commands.answering import answer
    from llm4waam.commands.request import is_long, style_of
    from llm4waam.core.settings import Params as StudyParams
    from llm4waam.core.settings import read_params
    from llm4waam.inference.predictor import load_predictor
    from llm4waam.sentences.prompts import TextStyle

    class Params(StudyParams):
        text: TextStyle
        advice: Advice

    params = read_params(Params)
    encoder = request.encoder or params.advice.encoder
    style = style_of(request, params.text)
    predictor = load_predictor(encoder, params.tasks, style, params.card_file)
    eight_bits = request.precision == "int8"
    if eight_bits or is_long(request):
        predictor = predictor.as_graphs(eight_bits=eight_bits)
    if answer(request, predictor, params.advice, sys.stdout):
        sys.exit(SKIPPED)


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
