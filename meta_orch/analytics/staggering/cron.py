"""Cron expressions that tick some minutes later."""

from __future__ import annotations

_HOUR, _DAY = 60, 24


def later(expression: str, minutes: int) -> str | None:
    """One that ticks so many minutes later, each day as on every other. None where no expression
    of one minute and the same other fields does: its minute is no number, or what goes over the
    hour goes over the day too."""
    fields = expression.split()
    if len(fields) != 5 or not fields[0].isdigit():  # noqa: PLR2004  # minute to weekday
        return None
    hours, minute = divmod(int(fields[0]) + minutes, _HOUR)
    if hours and fields[1:] == ["*"] * 4:
        return f"{minute} * * * *"  # each hour, whichever it is of
    if hours:
        named = fields[1].split(",")
        if not all(hour.isdigit() and int(hour) + hours < _DAY for hour in named):
            return None
        fields[1] = ",".join(str(int(hour) + hours) for hour in named)
    return f"{minute} {' '.join(fields[1:])}"


def most_later(expression: str, minutes: int) -> int:
    """By how many minutes it can tick later, up to a limit."""
    return next((by for by in range(minutes, 0, -1) if later(expression, by)), 0)
