"""Reports with some of what their sections hold changed."""

from dataclasses import fields, replace


def changed(report, **values):
    """The report, with each value in every section that has a field of its name."""

    def change(section):
        own = {field.name for field in fields(section)}
        return replace(section, **{name: value for name, value in values.items() if name in own})

    return report.changed(change)


def section_of(report, kind):
    """The section of this class."""
    return next(section for section in report.sections if isinstance(section, kind))
