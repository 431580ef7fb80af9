"""This process's hash banks: followed in a thread of their own, replaced whole, never behind by more than is said.

Uploads never wait for a rebuild; they go on with the index there is. A process that could not load the banks yet has none,
and one that could not compare them with the database for BANKS_MAX_AGE_SECONDS says so: `hashes` is then missing.
"""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection
from prometheus_client import Counter, Gauge, Histogram

from moderation.db.histories import Continuity, other_history_seen
from moderation.detection.hashes.detector import BankIndex
from moderation.exceptions import ModerationError
from moderation.gate.per_process import PerProcess
from moderation.live import bank_rows
from moderation.live.bank_rows import Mark
from moderation.verdict.list_ages import LISTS_MAX_AGE_SECONDS

log = structlog.get_logger(__name__)

#: How often a process compares its banks with the database.
BANKS_CHECK_SECONDS = 2.0
#: Without a successful comparison for so long, that nothing matches is no longer believed.
BANKS_MAX_AGE_SECONDS = LISTS_MAX_AGE_SECONDS
#: The first use in a process waits for the banks at most so long; small ones are there in a tenth of it.
FIRST_LOAD_SECONDS = 2.0

BANK_AGE = Gauge("bank_age_seconds", "Time since this process compared its hash banks with the database")
BANK_ENTRIES = Gauge("bank_entries", "Known hashes that this process holds")
BANK_REFRESH = Counter("bank_refresh_total", "Comparisons of the hash banks with the database", ["result"])
BANK_LOAD_SECONDS = Histogram(
    "bank_load_seconds", "Time to build the hash banks anew", buckets=(0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120)
)


class BanksUnavailable(ModerationError):
    """The hash banks are not loaded, or too old to say that nothing matches."""


@dataclass(frozen=True, slots=True)
class BankView:
    """What a process knows. `version` names the state of the banks, the same in every process that has read the same."""

    index: BankIndex | None
    version: str


_NOTHING_YET = BankView(None, "banks-none")


class BankFollower:
    """Keeps a BankView. One thread refreshes; any number read `view`.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.view = _NOTHING_YET
        self._mark: Mark | None = None
        self._checked_at = -math.inf
        self._asked_at = -math.inf
        self._refreshing = threading.Lock()
        self._stopping = threading.Event()
        self._has_view = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def age_seconds(self) -> float:
        """Seconds since the view was last known to be what the database has; infinite before the first load."""
        return self._clock() - self._checked_at

    @property
    def is_stale(self) -> bool:
        """Whether that was too long ago."""
        return self.age_seconds > BANKS_MAX_AGE_SECONDS

    def usable_index(self) -> BankIndex:
        """Return the index for work that can be done later as well.

        Raises:
            BanksUnavailable: there is none, or it is stale.
        """
        if self.view.index is None or self.is_stale:
            raise BanksUnavailable("The hash banks are not loaded or too old; the work is tried again.")
        return self.view.index

    def refresh(self) -> None:
        """Compare with the database once, and swap in what changed. A failure leaves the view as it was, and ageing.

        1. read what changed since the mark; or everything: the first time, after many changes, after a start of the server,
           and where the database is another history, whose view is dropped at once,
        2. read the banks, after the entries: every entry's bank is among them,
        3. put a new view in place, if anything changed.

        Raises:
            django.db.Error: the database is away.
        """
        with self._refreshing:
            began = self._clock()  # before the snapshot: what commits later may be missing from it
            index = self._follow()
            if index is None:
                index = self._load()
            if self.view.index is not index:
                version = _version(index.banks, self._mark)
                self.view = BankView(index, version)
                log.info("banks_swapped", version=version, n_entries=len(index))
            self._checked_at = began
        BANK_REFRESH.labels("ok").inc()
        self._has_view.set()

    def _follow(self) -> BankIndex | None:
        """Return the index as it is now, the same one where nothing changed; None where only a full load will do."""
        index, mark = self.view.index, self._mark
        if index is None or mark is None:
            return None
        now, changed = bank_rows.changes_since(mark)
        continuity = now.history.after(mark.history)
        if continuity is Continuity.OTHER or now.xmin < mark.xmin:
            self._drop()
            return None
        if continuity is Continuity.RESTARTED or index.n_recent + len(changed) > bank_rows.MAX_CHANGES:
            return None
        banks = bank_rows.banks_now()
        if not index.banks.keys() <= banks.keys():
            return None
        self._mark = now
        if banks == index.banks and not len(changed):
            return index
        return index.merge(banks, changed.pdq, changed.exact)

    def _drop(self) -> None:
        """Forget the view: without one nothing is said to match nothing."""
        self.view, self._mark, self._checked_at = _NOTHING_YET, None, -math.inf
        other_history_seen()
        log.warning("banks_of_another_history")

    def _load(self) -> BankIndex:
        began = self._clock()
        mark = bank_rows.mark_now()
        entries = bank_rows.load_all()
        index = BankIndex.of(bank_rows.banks_now(), entries.pdq, entries.exact)
        self._mark = mark  # what changed during the load comes once more with the next comparison
        BANK_LOAD_SECONDS.observe(self._clock() - began)
        return index

    # --- its thread -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow in a thread of this process, and wait a moment for the first view."""
        BANK_AGE.set_function(lambda: self.age_seconds)
        BANK_ENTRIES.set_function(lambda: len(self.view.index or ()))
        self._thread = threading.Thread(target=self._run, name="banks", daemon=True)
        self._thread.start()
        self._has_view.wait(FIRST_LOAD_SECONDS)

    def stop(self) -> None:
        """End the thread and its connection."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self.try_refresh():
                    connection.close()
                self._stopping.wait(BANKS_CHECK_SECONDS)
        finally:
            connection.close()

    def try_refresh(self) -> bool:
        """Refresh; return whether it went well. What goes wrong is logged and counted, and leaves the view as it is."""
        try:
            self.refresh()
        except Exception as error:  # whatever went wrong, the answer is the same: keep what there is, try again
            BANK_REFRESH.labels("failed").inc()
            log.error(
                "banks_not_refreshed",
                error=type(error).__name__,
                detail=str(error)[:200],
                age_seconds=round(min(self.age_seconds, 1e9), 1),
                is_loaded=self.view.index is not None,
            )
            return False
        return True

    def refresh_if_due(self) -> None:
        """Refresh on the calling thread and its connection, at most every BANKS_CHECK_SECONDS: for processes without a thread."""
        if self._clock() - self._asked_at >= BANKS_CHECK_SECONDS:
            self._asked_at = self._clock()
            self.try_refresh()


def _version(banks: object, mark: Mark | None) -> str:
    state = f"{banks!r} {mark.last_txid if mark else 0} {mark.history.id if mark else ''}"
    return f"banks-{hashlib.sha256(state.encode()).hexdigest()[:12]}"


def _begin(follower: BankFollower) -> None:
    if settings.BANKS_FOLLOW_IN_THREAD:
        follower.start()


_HELD: PerProcess[BankFollower] = PerProcess(BankFollower, _begin)
#: Puts another follower in place, stopping the one before it; None leaves the next use to start one. For tests.
replace_current = _HELD.replace


def current() -> BankFollower:
    """Return this process's follower, started on first use; a forked child makes its own and never shares a connection."""
    follower = _HELD.get()
    if not settings.BANKS_FOLLOW_IN_THREAD:
        follower.refresh_if_due()
    return follower
