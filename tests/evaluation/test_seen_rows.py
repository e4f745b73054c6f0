"""Rows that trained a model are known again from hashes of their features, and no others are."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.evaluation.profile import Profile
from finnet.evaluation.seen_rows import SeenRows


def table(n, seed=0):
    """Rows that differ: a number of whole steps, one with gaps, and a category."""
    rng = np.random.default_rng(seed)
    income = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    home = pd.Categorical(rng.choice(["own", "rent"], n), categories=["own", "rent"])
    return pd.DataFrame({"amount": rng.integers(100, 100_000, n), "income": income, "home": home})


def test_training_rows_are_known_again_and_others_are_not():
    trained, new = table(500), table(300, seed=1)
    found = SeenRows.of(trained).overlap(pd.concat([new, trained.head(20)]))
    assert np.flatnonzero(found.is_seen).tolist() == list(range(300, 320))
    assert (found.count, found.is_estimate) == (20, False)
    assert (found.is_new == ~found.is_seen).all()


def test_a_row_is_the_same_in_every_type_that_files_give_it():
    trained = table(50)
    other = trained.astype({"amount": "float64", "income": "float32", "home": "object"})
    other["home"] = other["home"].astype("string").astype("category").cat.set_categories(["boat", "rent", "own"])
    assert SeenRows.of(trained).overlap(other).is_seen.all()
    assert SeenRows.of(other) == SeenRows.of(trained)


def test_a_missing_cell_is_the_same_however_it_is_written():
    trained = pd.DataFrame({"income": [1.0, np.nan, 3.0], "home": ["own", None, "rent"]})
    other = pd.DataFrame(
        {"income": pd.array([1, None, 3], dtype="Int64"), "home": pd.Categorical(["own", None, "rent"])}
    )
    assert SeenRows.of(trained).overlap(other).is_seen.all()


def test_hashes_are_those_of_every_version():
    # Saved runs hold them: with other ones their rows would not be known again.
    trained = pd.DataFrame({"amount": [1, 250], "home": ["own", None]})
    assert SeenRows.of(trained).hashes == "n4AtY4J5zgLQP8HjTkr3Qw=="


def test_rows_that_equal_each_other_by_chance_are_no_training_rows():
    def coarse(seed):
        rng = np.random.default_rng(seed)
        return pd.DataFrame({"late": rng.integers(0, 8, 600), "home": rng.choice(["own", "rent"], 600)})

    seen = SeenRows.of(coarse(0))
    assert seen.twins == 1
    found = seen.overlap(coarse(1))
    assert found.count == 0
    assert found.is_new.all()


def test_of_many_rows_a_sample_is_kept_that_tells_about_how_many_trained():
    trained = table(5000)
    seen = SeenRows.of(trained, most=500)
    found = seen.overlap(pd.concat([trained.head(2000), table(1000, seed=1)]))
    assert seen.share == pytest.approx(0.1, abs=0.001)
    assert found.is_estimate
    assert found.count == pytest.approx(2000, rel=0.15)
    assert not found.is_seen[2000:].any()
    # What is left to be judged has not trained the model, surely.
    assert found.is_new[2000:].any()
    assert not found.is_new[:2000].any()


def test_a_profile_keeps_them_and_one_without_cannot_tell():
    trained = table(40)
    profile = Profile.of(trained).with_rows(trained)
    assert Profile.from_json(profile.to_json()) == profile
    assert profile.overlap(trained.assign(further=1.0)).is_seen.all()
    assert Profile.of(trained).overlap(trained) is None


@pytest.mark.parametrize("hashes", ["%%%", "YWJj", "YWJ"])
def test_what_are_no_hashes_is_refused(hashes):
    with pytest.raises(DataError, match="run the job again"):
        SeenRows(hashes, 1.0, 0.0)
