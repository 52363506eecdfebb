"""Thousands of histories of killed, paused and cut-off workers, each replayed by its number.

ATES_TEST_SEED=1234 pytest tests/simulation     plays history 1234 alone
ATES_TEST_SEEDS=5000 pytest tests/simulation     plays so many (default 100), on all cores
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import traceback
from concurrent.futures import ProcessPoolExecutor

import pytest
from sim_broken import ApplyFirst, PositionFirst, no_fencing
from sim_history import History

from ates.domain.accounting import day_close
from ates.domain.tasks import shuffle
from ates.streams import batch
from ates.streams.testing import Runtime, Violation

SEEDS = int(os.environ.get("ATES_TEST_SEEDS", "100"))
ENOUGH = 200
"""Histories within which a broken runtime is caught, with much to spare."""


SMALL = [(shuffle, "PAGE", 2), (day_close, "PAGE", 2), (batch, "OUTGOING_LIMIT", 4), (batch.logger, "disabled", True)]
"""Shuffles and closes of a few rows, and batches that need several transactions."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value)


def begin() -> None:
    """The same in a process of a pool. Collecting the cycles of thousands of event loops less often saves a tenth."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    for module, name, value in SMALL:
        setattr(module, name, value)


def play(seed: int, runtime: Runtime | None = None) -> str:
    """What went wrong in history `seed`; empty when nothing did."""
    history = History(seed, runtime)
    try:
        history.play()
    except Violation as violation:
        return f"ATES_TEST_SEED={seed}: {violation}\n" + "\n".join(history.cluster.trace)
    except Exception:
        return f"ATES_TEST_SEED={seed}: {traceback.format_exc()}\n" + "\n".join(history.cluster.trace)
    return ""


def test_no_history_breaks_the_books() -> None:
    if chosen := os.environ.get("ATES_TEST_SEED"):
        assert not (wrong := play(int(chosen))), wrong
        return
    # "spawn": a copy of this process would have its clients' threads cut off in the middle.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=begin) as pool:
        for wrong in pool.map(play, range(SEEDS), chunksize=25):
            assert not wrong, wrong


@pytest.mark.parametrize(
    ("runtime", "symptom"),
    [
        (Runtime(task=PositionFirst), "no outcome"),
        (Runtime(transactional_id=no_fencing), "came twice"),
        (Runtime(task=ApplyFirst), "after 1 of"),
        (Runtime(transaction_version=1), "no outcome"),
    ],
    ids=[
        "position committed before the changelog",
        "no fencing",
        "rows applied before the commit",
        "an end of the old protocol sent again",
    ],
)
def test_a_broken_runtime_is_caught(runtime: Runtime, symptom: str) -> None:
    """By its own symptom: something missing, something twice, an entry that others build upon and nobody ever saw."""
    assert any(symptom in play(seed, runtime) for seed in range(ENOUGH))


def test_the_same_seed_is_the_same_history() -> None:
    first, second = History(7), History(7)
    first.play()
    second.play()
    assert first.cluster.trace == second.cluster.trace
    assert first.auditor.entries == second.auditor.entries
    assert first.auditor.entries, "a history in which nothing is booked proves nothing"
