"""What to watch is said with the limits that `finnet drift` has."""

from finnet.evaluation.stability import ALARM_RATE
from finnet.exit_codes import EXIT_CODES
from finnet.jobs.tasks.default_risk import _to_watch


def test_monitoring_names_the_command_its_false_alarms_and_what_to_do():
    said = " ".join(_to_watch(by_loan=False))
    assert "finnet drift RUN NEWDATA" in said
    assert f"exit code {EXIT_CODES['drift or limit breached']}" in said
    assert f"at most {100 * ALARM_RATE:.0f}" in said
    for step in ("Look, where", "Recalibrate, where", "Redevelop, where", "The joint limit decides"):
        assert step in said
