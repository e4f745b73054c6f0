"""What models are called: in job files, in sentences and in headings."""

from finnet.models import BASELINES, BEST, NETWORK

__all__ = ["model_heading", "model_in_sentence"]

_IN_SENTENCE = {NETWORK: "the network", BEST: "the chosen model"}


def _sentence(model: str) -> str | None:
    return BASELINES[model].words if model in BASELINES else _IN_SENTENCE.get(model)


def model_in_sentence(model: str) -> str:
    """A model as a sentence calls it; one that finnet does not know keeps its own words.

    Examples
    --------
    >>> model_in_sentence("tree"), model_in_sentence("my_model"), model_in_sentence("my_code:model")
    ('the decision tree', 'my model', 'my_code:model')
    """
    return _sentence(model) or (model if ":" in model else model.replace("_", " "))


def model_heading(model: str) -> str:
    """A model as a table calls it; one that finnet does not know keeps its own name.

    Examples
    --------
    >>> model_heading("tree"), model_heading("knn"), model_heading("my_package:Model")
    ('Decision tree', 'k-NN', 'my_package:Model')
    """
    known = _sentence(model)
    if known is None:
        return model
    words = known.removeprefix("the ").strip('"')
    return words if words.startswith("k-") else words[0].upper() + words[1:]
