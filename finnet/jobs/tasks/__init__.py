"""Tasks by the name that a job file gives them."""

from finnet.jobs.config import Job
from finnet.jobs.tasks.default_risk import DefaultRiskTask
from finnet.jobs.tasks.direction import DirectionTask
from finnet.jobs.tasks.forward_return import ForwardReturnTask
from finnet.jobs.tasks.loss_given_default import LossGivenDefaultTask
from finnet.jobs.tasks.task import Task

__all__ = ["TASKS", "task_of"]

TASKS: dict[str, Task] = {
    "direction": DirectionTask(),
    "default-risk": DefaultRiskTask(),
    "forward-return": ForwardReturnTask(),
    "loss-given-default": LossGivenDefaultTask(),
}


def task_of(job: Job) -> Task:
    """The task of a job."""
    return TASKS[job.task]
