"""How many threads a fit takes."""

import pytest

import fastbp as fb
from fastbp import threads


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    monkeypatch.delenv("FASTBP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)


def test_a_number_asked_for_is_taken():
    assert threads.threads_for(3, work=0) == 3
    assert threads.threads_for(10**6, work=0) == threads.MOST_THREADS


def test_the_default_is_what_the_work_pays_for_up_to_the_cores():
    paying = threads.WORK_PER_THREAD
    assert [threads.threads_for(None, work) for work in (0, paying, 2.5 * paying, 99 * paying)] == [
        1,
        1,
        2,
        4,
    ]


def test_the_environment_sets_the_most(monkeypatch):
    monkeypatch.setenv("FASTBP_NUM_THREADS", "2")
    assert threads.threads_for(None, 99 * threads.WORK_PER_THREAD) == 2
    assert threads.threads_for(None, 0) == 1
    assert threads.threads_for(3, 0) == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_bad_environment_is_refused(monkeypatch, value):
    monkeypatch.setenv("FASTBP_NUM_THREADS", value)
    with pytest.raises(ValueError, match=r"^FASTBP_NUM_THREADS must be an integer .* got"):
        fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=1, progress=False)


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_bad_number_is_refused(value, error):
    with pytest.raises(error, match=r"^threads must be"):
        fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=1, threads=value)


def test_the_affinity_of_the_process_counts(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert threads.usable_cores() == 1
