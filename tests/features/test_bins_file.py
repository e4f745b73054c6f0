"""Bins are read as they were written, and what is wrong with a file is named."""

import pytest

from finnet.errors import ConfigError
from finnet.features.binning import LevelBins, NumberBins
from finnet.features.bins_file import bins_from, read_bins, write_bins

BINS = {
    "income": NumberBins((0.1 + 0.2, 1e16, 1e300), codes=(-999.0,)),
    "any number": NumberBins(()),
    "home": LevelBins((("own",), ('"rent"', "a'b\\c", "\x7f\n", "grün 😀", "="))),
    'a.b "c"\n': LevelBins(()),
}


def test_bins_written_are_read_again(tmp_path):
    (tmp_path / "bins.toml").write_text(write_bins(BINS), encoding="utf-8")
    assert bins_from(read_bins(tmp_path / "bins.toml")) == BINS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[income]\nedges = [2, 1]", "column 'income': edges do not rise: 2 stands before 1"),
        ("[home]\ngroups = [['a'], ['a']]", "column 'home': level 'a' comes twice"),
        ("[home]\ngroup = [['a']]", "key 'group' is not known; did you mean 'groups'"),
        ("[home]\ngroups = ['a']", "groups are no lists of levels"),
        ("[home]\ngroups = [[1]]", "groups are no lists of levels"),
        ("[income]\nedges = ['1']", "edges are no list of numbers"),
        ("[income]\nedges = [true]", "edges are no list of numbers"),
        ("[income]\nedges = [1]\ngroups = [['a']]", "a column has one or the other"),
        ("[income]", "has no bins"),
        ("income = 5", "has no bins"),
        ("[income", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(text, words, tmp_path):
    path = tmp_path / "bins.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as caught:
        read_bins(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        read_bins(tmp_path / "none.toml")
