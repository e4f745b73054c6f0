"""What models are called: in job files, in sentences and in headings."""

BEST = "best"
"""What is called the model that each fold chooses by training rows held out."""

__all__ = ["BEST", "model_heading", "model_in_sentence"]

_IN_SENTENCE = {
    "network": "the network",
    "tree": "the decision tree",
    "svm": "the SVM",
    "knn": "k-NN",
    "logistic": "logistic regression",
    "forest": "the random forest",
    "boosting": "gradient boosting",
    "always_up": '"always up"',
    "majority": "the majority",
    BEST: "the best model by validation",
    "prior_rate": "the prior rate",
    "persistence": "persistence",
    "best_column": "the best single column",
    "linear": "linear regression",
    "zero": "zero",
    "training_mean": "the training mean",
    "last_value": "the last value",
    "training_quantiles": "the training quantiles",
}


def model_in_sentence(model: str) -> str:
    """A model as a sentence calls it; one that finnet does not know keeps its own words.

    Examples
    --------
    >>> model_in_sentence("tree"), model_in_sentence("my_model"), model_in_sentence("my_code:model")
    ('the decision tree', 'my model', 'my_code:model')
    """
    return _IN_SENTENCE.get(model, model if ":" in model else model.replace("_", " "))


def model_heading(model: str) -> str:
    """A model as a table calls it; one that finnet does not know keeps its own name.

    Examples
    --------
    >>> model_heading("tree"), model_heading("knn"), model_heading("my_package:Model")
    ('Decision tree', 'k-NN', 'my_package:Model')
    """
    if model not in _IN_SENTENCE:
        return model
    words = _IN_SENTENCE[model].removeprefix("the ").strip('"')
    return words if words.startswith("k-") else words[0].upper() + words[1:]
