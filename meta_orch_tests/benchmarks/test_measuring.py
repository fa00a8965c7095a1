"""Figures and what several of them come to."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring import Sample, cpu_of, measure, memory_of, ratio, significant


def test_a_sample_is_told_by_its_median_its_least_and_its_most() -> None:
    assert str(Sample.of([3.0, 1.0, 2.0])) == "2 (1 to 3)"
    assert str(Sample.of([1.23456])) == "1.23"


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Sample.of([])


def test_a_ratio_is_of_medians() -> None:
    assert ratio(Sample.of([1.0, 6.0, 100.0]), Sample.of([4.0])) == "1.5x"


@given(st.floats(min_value=1e-3, max_value=1e7))
def test_a_number_is_written_without_exponent_and_to_half_a_percent(value: float) -> None:
    text = significant(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.005)


def test_work_is_measured_and_sleep_takes_no_cpu() -> None:
    result, busy = measure(lambda: sum(range(1_000_000)))
    _, asleep = measure(lambda: time.sleep(0.05))
    assert result == 499_999_500_000
    assert busy.cpu > 0
    assert asleep.wall >= 0.05
    assert asleep.cpu < asleep.wall


def test_processes_count_with_what_they_started() -> None:
    child = "bytearray(30_000_000); [i * i for i in range(500_000)]; print('done', flush=True)"
    program = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert process.stdin is not None
        assert cpu_of([process.pid]) > 0
        assert memory_of([process.pid]) > 1
        process.stdin.close()
    assert cpu_of([process.pid]) == 0
    assert cpu_of([None]) == 0
