"""Default-risk forms: that classifier as what it learned of a table, bags of networks and shares, and back."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.estimators.archive import (
    MAX_BYTES,
    Arrays,
    Description,
    checked_classes,
    checked_names,
    checked_number,
    keep,
)
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.encoder_forms import describe_encoder, restore_encoder
from finnet.estimators.naive_forms import describe_curve, restore_curve
from finnet.estimators.risk_designs import DESIGNS, Bag, risk_network
from finnet.estimators.risk_race import Race
from finnet.estimators.risk_table import RiskTable
from finnet.estimators.settings_forms import describe_settings, restore_settings
from finnet.features.bins import PiecewiseLinear
from finnet.features.histories import KINDS, Summary
from finnet.features.ratios import Ratio
from finnet.network.layers import Dense
from finnet.network.shared import SharedDense
from finnet.types import FloatArray

__all__ = ["describe_default_risk", "restore_default_risk"]

_MOST_SCALED = MAX_BYTES // 8  # weights of all networks that share some, each of which gets a scaled copy


def describe_default_risk(model: DefaultRiskClassifier, arrays: Arrays) -> dict[str, Any]:
    """Settings, table, shares and bags; what they hold goes to `arrays`. Forecasts out of bag are not kept."""
    table, race = model._table, model._raced
    return {
        "settings": describe_settings(model),
        "classes": model.classes_.tolist(),
        "columns": [str(name) for name in table.feature_names_in_],
        "codes": {name: [float(code) for code in codes] for name, codes in table.codes_.items()},
        "encoder": describe_encoder(table.encoder_, arrays),
        "ratios": [[own.first, own.second, bool(own.is_difference)] for own in table.made if isinstance(own, Ratio)],
        "summaries": [[list(own.columns), own.kind, own.scale] for own in table.made if isinstance(own, Summary)],
        "shares": dict(race.shares),
        "curve": None if race.curve is None else describe_curve(race.curve),
        "bags": [_describe_bag(bag, arrays) for bag in race.bags],
    }


def restore_default_risk(description: Description, arrays: Arrays) -> DefaultRiskClassifier:
    """The classifier again; DataError where its parts do not fit each other."""
    model = DefaultRiskClassifier(**restore_settings(DefaultRiskClassifier, description["settings"]))
    model.classes_ = checked_classes(description["classes"])
    if len(model.classes_) != 2:
        raise DataError(f"classes {model.classes_.tolist()} are not two")
    model._table = _restore_table(description, arrays)
    bags = [_restore_bag(bag, arrays) for bag in description["bags"]]
    # Models of earlier versions have no curve.
    line = description.get("curve")
    curve = None if line is None else restore_curve(line)
    model._raced = Race(bags, _shares(description["shares"], bags), None, curve=curve)
    _try(model)
    return model


def _describe_bag(bag: Bag, arrays: Arrays) -> dict[str, Any]:
    edges = [] if bag.bins is None else bag.bins.edges_
    widths = [layer.n_in for layer in bag.network.layers if isinstance(layer, Dense | SharedDense)]
    return {
        "design": bag.design,
        "members": getattr(bag.network.layers[0], "n_shared", 1),
        "widths": widths,
        "n_edges": None if bag.bins is None else [len(own) for own in edges],
        "edges": keep(np.concatenate([np.zeros(0), *edges]), arrays),
        "values": keep(bag.network.values, arrays),
    }


def _restore_bag(description: Description, arrays: Arrays) -> Bag:
    values, members, widths = arrays[description["values"]], description["members"], description["widths"]
    if description["design"] not in DESIGNS:
        raise DataError(f"design {description['design']!r} is not known")
    if not all(type(number) is int and number >= 1 for number in [members, *widths]):
        raise DataError(f"{members!r} members of {widths!r} units are not whole numbers from 1 on")
    weights = sum(n_in * n_out for n_in, n_out in pairwise([*widths, 1]))
    # Checked before anything of that size is made.
    if max(weights, members * sum(widths)) > values.size or members * weights > _MOST_SCALED:
        raise DataError(f"{members} networks of {widths} units need more weights than the {values.size} of the file")
    network = risk_network(tuple(widths), members=members)
    if values.shape != network.values.shape or values.dtype != network.values.dtype:
        raise DataError(f"weights {values.dtype} {values.shape} are not those of {members} networks of {widths} units")
    network.restore(values)
    return Bag(description["design"], _restore_bins(description["n_edges"], arrays[description["edges"]]), network)


def _restore_bins(n_edges: Any, edges: FloatArray) -> PiecewiseLinear | None:
    if n_edges is None:
        return None
    if not all(type(number) is int and number >= 0 for number in n_edges) or edges.shape != (sum(n_edges),):
        raise DataError(f"{edges.shape} edges are not {n_edges} of columns")
    bins = PiecewiseLinear(max([1, *n_edges]))
    bins.edges_ = np.split(edges.astype(np.float64), np.cumsum(n_edges)[:-1])
    if not all((np.diff(own) > 0.0).all() for own in bins.edges_):
        raise DataError("edges of bins do not rise")
    return bins


def _restore_table(description: Description, arrays: Arrays) -> RiskTable:
    ratios = [Ratio(*_typed(parts, (str, str, bool), "a ratio of two columns")) for parts in description["ratios"]]
    # Models of earlier versions have no summaries.
    summaries = [
        Summary(tuple(checked_names(columns)), kind, scale)
        for columns, kind, scale in (
            _typed(parts, (list, str, str), "a summary of columns") for parts in description.get("summaries", [])
        )
    ]
    for summary in summaries:
        if summary.kind not in KINDS:
            raise DataError(f"summary {summary.kind!r} is not known; it is one of {', '.join(KINDS)}")
    table = RiskTable((*ratios, *summaries))
    table.feature_names_in_ = np.asarray(checked_names(description["columns"]), object)
    table.n_features_in_ = len(table.feature_names_in_)
    # Models of earlier versions took codes for measured numbers, and have none.
    codes = description.get("codes", {})
    table.codes_ = {name: [checked_number(code) for code in own] for name, own in codes.items()}
    table.encoder_ = restore_encoder(description["encoder"], arrays)
    known = {*table.feature_names_in_, *table.parents()}
    if {*table.encoder_.numbers_, *table.encoder_.categories_} != known:
        raise DataError("the columns of the encoder are not those of the table")
    return table


def _typed(parts: Any, kinds: tuple[type, ...], what: str) -> list[Any]:
    if not isinstance(parts, list) or [*map(type, parts)] != [*kinds]:
        raise DataError(f"{parts!r} stands where {what} should")
    return parts


def _shares(shares: Any, bags: list[Bag]) -> dict[str, float]:
    if not isinstance(shares, dict) or {*shares} != {bag.design for bag in bags}:
        raise DataError(f"shares {shares!r} are not those of the designs of {len(bags)} bags")
    checked = {name: checked_number(share, 0.0, 1.0) for name, share in shares.items()}
    if not np.isclose(sum(checked.values()), 1.0):
        raise DataError(f"shares {shares!r} do not sum to 1")
    return checked


def _try(model: DefaultRiskClassifier) -> None:
    """Forecast a row of zeros and one of gaps, so that parts which do not fit each other are found here."""
    numbers = model._table.encoder_.numbers_
    columns = {name: [0.0, np.nan] if name in numbers else ["", None] for name in model._table.feature_names_in_}
    probability = model.predict_proba(pd.DataFrame(columns))
    if not np.isfinite(probability).all():
        raise DataError(f"a trial forecast gives {probability.tolist()}")
