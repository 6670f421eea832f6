"""The parameter section `baselines`, and the classifiers that advice may ask as well."""

from llm4waam.core.settings import Count, Few, Section, Seed

CLASSIFIER_NAMES = ("gaussian_process", "extra_trees")  # see `llm4waam.baselines.classifiers`


class Pretrained(Section):
    """Pretrained models for tables: the path of a checkpoint, None: left out."""

    tabpfn: str | None = None
    tabicl: str | None = None


class Baselines(Section):
    """`trees` of ExtraTrees, `workers` processes that share the folds of the study.

    `pretrained` models for tables are left out where no path is given, and the baselines whose time
    grows with the cube of the beads where there are more than `cubic_up_to`.
    """

    seed: Seed
    trees: Count
    workers: Few
    cubic_up_to: Count = 2000
    pretrained: Pretrained = Pretrained()
