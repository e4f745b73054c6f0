"""Checks of targets in `fit`: labels and numbers that can be learned, and what labels weigh."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets

from finnet.checks import require_number
from finnet.errors import ConfigError, DataError
from finnet.estimators.unsaved import Unsaved
from finnet.types import FloatArray, IntArray

__all__ = [
    "class_weights",
    "distinct",
    "of_mean_one",
    "positions",
    "require_known",
    "require_numbers",
    "require_targets",
]

_HEAVIEST = 1e30  # float32 still holds the product with a weight of any row


def require_targets(y: npt.ArrayLike, *, name: str) -> None:
    """Raise DataError for targets of which some are missing, and for dates, which are neither labels nor numbers.

    Targets are labels of shape (n_rows,), or numbers of shape (n_rows,) or (n_rows, n_outputs).
    """
    values = np.asarray(y)
    if values.dtype == object:
        missing = np.flatnonzero(pd.isna(values))
        if len(missing):
            raise DataError(f"{name} is missing {len(missing)} times, first at {missing[0]}; drop those rows")
    first = values.flat[0] if values.size else None
    if values.dtype.kind in "mM" or isinstance(first, date):
        raise DataError(
            f"{name} holds dates, first {first}; make labels of them with .astype(str), or numbers, such as days since"
            " the first"
        )


def require_numbers(y: npt.ArrayLike, *, name: str) -> None:
    """Raise DataError for targets that are text, or objects of which some are no numbers."""
    values = np.asarray(y)
    if values.dtype.kind not in "OSU":
        return
    try:
        values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} holds what is no number ({error}); give numbers, or use a classifier for labels"
        ) from error


def distinct(labels: npt.NDArray[Any], *, name: str) -> npt.NDArray[Any]:
    """The labels that come, sorted, shape (n_classes,), from labels of shape (n_rows,).

    DataError where they are no row, or of several types, which have no order, and ValueError where they are numbers to
    measure rather than to tell apart.

    Examples
    --------
    >>> distinct(np.array([1, "up"], object), name="y")
    Traceback (most recent call last):
    finnet.errors.DataError: y mixes labels of types int and str; make all of them text, or all numbers
    """
    if labels.ndim != 1 or not len(labels):
        raise DataError(f"{name} is no row of labels, but has shape {labels.shape}; write a list, as [0, 1]")
    if labels.dtype.kind in "biu":
        return np.sort(pd.unique(labels))  # several times faster than NumPy's
    try:
        found = np.unique(labels)
    except TypeError as error:
        kinds = " and ".join(sorted({type(label).__name__ for label in labels.tolist()}))
        raise DataError(f"{name} mixes labels of types {kinds}; make all of them text, or all numbers") from error
    # Each twice, as many labels that come once each are taken for numbers.
    check_classification_targets(np.repeat(found, 2))
    return found


def require_known(labels: npt.NDArray[Any], classes: npt.NDArray[Any], *, name: str) -> None:
    """Raise DataError where a label is none of the classes; 0 is not "0".

    Examples
    --------
    >>> require_known(np.array([0, 1]), np.array(["0", "1"]), name="y_val")
    Traceback (most recent call last):
    finnet.errors.DataError: y_val holds class 0, which is none of '0', '1'; drop those rows or fit anew
    """
    known = classes.tolist()
    unknown = [label for label in distinct(labels, name=name).tolist() if label not in known]
    if unknown:
        all_known = ", ".join(map(repr, known))
        raise DataError(f"{name} holds class {unknown[0]!r}, which is none of {all_known}; drop those rows or fit anew")


def positions(labels: npt.NDArray[Any], classes: npt.NDArray[Any]) -> IntArray:
    """Where every label stands among the classes, shape (n_rows,); classes are sorted, and hold all labels.

    Examples
    --------
    >>> positions(np.array(["up", "down", "up"]), np.array(["down", "up"]))
    array([1, 0, 1])
    """
    if len(classes) == 2:
        return np.asarray(labels == classes[1], np.int64)
    return np.searchsorted(classes, labels)


def class_weights(
    class_weight: Mapping[Any, float] | str | None, classes: npt.NDArray[Any], codes: IntArray
) -> FloatArray | None:
    """Weight of every class, shape (n_classes,), 1 where a mapping does not name it; None where there are no weights.

    "balanced" gives all classes among the codes (n_rows,) the same weight in all. ConfigError for classes that are not
    known, and for weights that are no numbers of 0 or more, or are beyond measure.

    Examples
    --------
    >>> class_weights({"up": 3.0}, np.array(["down", "up"]), np.array([0]))
    array([1., 3.])
    >>> class_weights("balanced", np.array(["down", "up"]), np.array([0, 0, 0, 1]))
    array([0.66666667, 2.        ])
    """
    if class_weight is None:
        return None
    # As in scikit-learn: n_rows / (n_classes * rows of the class).
    if isinstance(class_weight, str) and class_weight == "balanced":
        return len(codes) / (len(classes) * np.maximum(np.bincount(codes, minlength=len(classes)), 1))
    if not isinstance(class_weight, Mapping | Unsaved):
        raise ConfigError(
            f'class_weight={class_weight!r} is neither "balanced", None nor a weight by class; write {{0: 1.0, 1: 5.0}}'
        )
    known = classes.tolist()
    # In a loaded model an object that was not saved may stand here; it says so when it is asked for its items.
    for label, weight in class_weight.items():
        if label not in known:
            raise ConfigError(
                f"class_weight names class {label!r}, y holds {', '.join(map(repr, known))}; name classes as y does"
            )
        require_number(weight, name=f"class_weight[{label!r}]", below=_HEAVIEST)
    return np.array([class_weight.get(label, 1.0) for label in known], np.float64)


def of_mean_one(weights: FloatArray) -> FloatArray:
    """Weights divided by their mean, in their shape and in float64; DataError where they sum to zero.

    Examples
    --------
    >>> of_mean_one(np.array([1.0, 3.0]))
    array([0.5, 1.5])
    """
    largest = weights.max()
    if not largest > 0.0:
        raise DataError("sample_weight sums to zero; give at least one row a weight above zero")
    weights = weights / largest  # the sum of the largest numbers would be none
    return np.asarray(weights / weights.mean())
