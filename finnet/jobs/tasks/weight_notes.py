"""What a page says of weighted rows: by which column, what they are worth, and which model counts them otherwise."""

from collections.abc import Sequence

from finnet.dataset import Dataset
from finnet.models import BASELINES
from finnet.names import model_in_sentence
from finnet.weights import effective_number

__all__ = ["weight_notes"]


def weight_notes(dataset: Dataset, column: str, models: Sequence[str]) -> list[str]:
    """Sentences about the weights of the rows; none where rows are not weighted.

    Parameters
    ----------
    column : str
        Column of the file that gave the weights.
    models : sequence of str
        Models of the job.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"income": [1.0, 2.0]}), np.array([0, 1]), np.array(["a", "b"], object)
    >>> weighted = Dataset(*rows, "default", 0, weight=np.array([3.0, 1.0]))
    >>> print(weight_notes(weighted, "stands_for", ["tree", "knn"])[-1])
    k-NN takes no weights and counts every row as one; they count in its calibration alone.
    """
    if dataset.weight is None:
        return []
    notes = [
        f"Rows are weighted by {column}: {len(dataset):,} rows stand for {dataset.weight.sum():,.0f} cases, and their"
        f" means are as sure as those of {effective_number(dataset.weight):,.0f} equally weighted rows (Kish's"
        " effective number). Fits, scores, intervals and tests count rows by these weights, which they take as known."
        " Grades are given but not tested."
    ]
    blind = [name for name in models if name in BASELINES and not BASELINES[name].takes_weights]
    for name in blind:
        words = f"{model_in_sentence(name)} takes no weights and counts every row as one"
        # What is calibrated has finnet's own curve behind it, which takes weights.
        is_calibrated = not (BASELINES[name].takes_tables or BASELINES[name].is_naive)
        notes.append(f"{words}; they count in its calibration alone." if is_calibrated else f"{words}.")
    return notes
