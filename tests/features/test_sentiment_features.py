import numpy as np
import pytest

from finnet.features.feature_set import feature_named
from finnet.features.sentiment import sentiment, sentiment_change, sentiment_mean, sentiment_z


def test_sentiment_is_the_score(panel_of):
    np.testing.assert_array_equal(sentiment().compute(panel_of(sentiment=[0.5, -1.0]))[:, 0], [0.5, -1.0])


def test_sentiment_change_is_a_difference(panel_of):
    assert sentiment_change("vix", 2).compute(panel_of(vix=[10.0, 20.0, 15.0]))[-1, 0] == 5.0


def test_mean_sentiment_needs_one_score_only(panel_of):
    scores = [np.nan, 0.4, np.nan, 0.2]
    np.testing.assert_allclose(sentiment_mean("mood", 3).compute(panel_of(mood=scores))[:, 0], [np.nan, 0.4, 0.4, 0.3])


def test_sentiment_z_by_hand(panel_of):
    assert sentiment_z("mood", 3).compute(panel_of(mood=[1.0, 2.0, 6.0]))[-1, 0] == pytest.approx(3 / np.sqrt(7))


@pytest.mark.parametrize("field", ["sentiment", "vix", "credit_spread", "mood_2"])
@pytest.mark.parametrize("family", [sentiment, sentiment_change, sentiment_mean, sentiment_z])
def test_name_says_which_field(family, field):
    feature = feature_named(family(field).name)
    assert feature == family(field)
    assert feature.fields == (field,)
