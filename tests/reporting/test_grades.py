"""The page says in words what tests of grades and of calibration found."""

import numpy as np
import pandas as pd

from finnet.evaluation.calibration import calibration_errors, calibration_table
from finnet.forecasts import Forecasts
from finnet.lending.grades import GradeScale, grade_table, graded_loans, group_table, untested
from finnet.lending.homogeneity import half_table, neighbor_table
from finnet.reporting.html import Note, Table
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.grades import GradesSection
from finnet.reporting.sections.guidance import GuidanceSection

SCALE = GradeScale((0.05, 0.2))


def forecasts(models=("tree",)):
    """Two hundred loans, half of them forecast far too low; none in the grade between."""
    rows = {"fold": 0, "entity": [f"L{k}" for k in range(200)], "target": "default", "horizon": 12}
    rows |= {"kind": "probability", "value": np.repeat([0.01, 0.3], 100), "truth": (np.arange(200) % 10 < 3) * 1.0}
    return Forecasts.concat([Forecasts.from_rows({**rows, "model": model}, run_id="a") for model in models])


def section(**changes):
    loans = graded_loans(forecasts(), SCALE)
    groups = group_table(loans, ["2019 Q1", "2019 Q2"] * 100).assign(by="vintage")
    facts = {
        "grade_groups": groups,
        "scale": "Limits are those of the job file.",
        "concentration": 0.5,
        "has_losses": False,
    }
    return GradesSection(**{"grades": grade_table(loans, SCALE), **facts, **changes}).draw()


def tables(drawn):
    return [block for block in drawn.blocks if isinstance(block, Table)]


def test_a_grade_that_is_off_is_named_and_one_without_loans_has_no_rate():
    grades, vintages = tables(section())
    assert grades.frame["Finding"].tolist() == ["too low", "no loans", "no difference detected"]
    assert grades.frame["Defaulted"].tolist()[1] == "–"
    assert vintages.frame["Vintage"].tolist() == ["2019\u00a0Q1", "2019\u00a0Q2"]
    assert vintages.frame["Grades at fault"].tolist() == ["1 (too low)"] * 2


def test_what_grading_costs_is_told_where_it_is_known():
    areas = pd.DataFrame({"of": ["forecasts", "grades", "lost"], "value": [0.8, 0.78, 0.02]}).assign(
        low=lambda table: table["value"] - 0.01, high=lambda table: table["value"] + 0.01
    )
    (note,) = [block for block in section(grade_areas=areas).blocks if isinstance(block, Note)]
    assert "the AUC of the grades is 0.780 (0.770 to 0.790), that of the forecasts they are made of 0.800." in note.text
    assert "The difference is 0.020 (0.010 to 0.030)" in note.text
    unknown = areas.assign(value=np.nan)
    assert not [block for block in section(grade_areas=unknown).blocks if isinstance(block, Note)]


def test_losses_stand_on_the_page_only_where_terms_are_stated():
    assert "Loss" not in tables(section())[0].header
    assert "Loss" in tables(section(has_losses=True))[0].header


def test_loans_without_dates_and_segments_have_one_table():
    assert len(tables(section(grade_groups=pd.DataFrame({"by": []})))) == 1


def test_grades_at_a_stated_rate_are_not_tested():
    loans = graded_loans(forecasts(), SCALE)
    groups = untested(group_table(loans, ["2019 Q1", "2019 Q2"] * 100).assign(by="vintage"))
    drawn = section(grades=untested(grade_table(loans, SCALE)), grade_groups=groups, has_losses=True)
    grades, vintages = tables(drawn)
    assert not {"p", "Finding", "Loss", "Grades at fault"} & {*grades.header, *vintages.header}
    assert "Forecast and defaulted are not on one scale" in grades.caption
    assert drawn.title == "What are the grades?"


def test_what_was_moved_is_said_before_the_grades():
    first = section(central_tendency="Published probabilities are moved.").blocks[0]
    assert first == Note("Published probabilities are moved.")


def test_the_subject_comes_first_among_the_tests_of_calibration_and_the_floor_is_stated():
    made = forecasts(["tree", "network"])
    drawn = CalibrationSection(
        subject="network", calibration=calibration_table(made), calibration_errors=calibration_errors(made)
    ).draw()
    table = tables(drawn)[0]
    assert table.frame["Model"].tolist() == ["Network", "Decision tree"]
    assert table.frame["Miscalibration"].str.contains("too low").all()
    assert "none is nearer to them than 0.000001" in table.caption


def test_neighbors_and_halves_are_compared_also_at_a_stated_rate_but_without_its_forecasts():
    loans = graded_loans(forecasts(), SCALE)
    compared = {"halves": half_table(loans, np.arange(200)), "neighbors": neighbor_table(loans, np.arange(200))}
    _, neighbors, halves, _ = tables(section(**compared))
    assert neighbors.frame["Grades"].tolist() == ["1, 3"]
    assert neighbors.frame["Forecast"].tolist() == ["1.00, 30.00 %"]
    assert halves.frame["Finding"].tolist() == ["no forecast above the median"] * 2
    assert "With few defaults only large differences are detected" in neighbors.caption
    moved = tables(section(grades=untested(grade_table(loans, SCALE)), **compared))[1]
    assert "Forecast" not in moved.frame
    assert moved.frame["Finding"].tolist() == ["no difference detected"]


def test_guidance_claims_no_calibration_of_grades_that_are_not_tested():
    loans = graded_loans(forecasts(), SCALE)
    groups, grades = pd.DataFrame({"by": []}), grade_table(loans, SCALE)
    facts = {"grade_groups": groups, "scale": "", "concentration": 0.5, "has_losses": False}
    for own, title, words in (
        (grades, "Do the grades hold?", "Rating grades: homogeneity, calibration per grade"),
        (untested(grades), "What are the grades?", "Rating grades: homogeneity; calibration is not tested"),
    ):
        made = GradesSection(grades=own, **facts)
        (details, _) = GuidanceSection.of([made]).draw().blocks
        (row,) = details.block.frame.to_numpy().tolist()
        assert row[0] == title == made.draw().title
        assert row[2].startswith(words)
