"""The one door: who may be shown what, answered from memory, and the only place where a `Cleared` token is made.

Everything unknown is denied: an item the gate does not hold, a viewer it cannot place, a view that is too old.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings
from prometheus_client import Gauge, Histogram

from moderation.db.histories import Continuity, History, HistoryUnknown, other_history_seen
from moderation.exceptions import ModerationError
from moderation.gate.columns import Columns, Ids, Mask, territory_index
from moderation.gate.per_process import PerProcess
from moderation.gate.source import STREAM_SPAN, ClearanceSource, Mark, Revocation, revocations_between
from policies.choices import BAND_MIN_AGES, Band

log = structlog.get_logger(__name__)

#: On the first use in a process, wait this long for the first view before answering that there is none.
FIRST_VIEW_SECONDS = 5.0
#: Marks kept for the revocation stream; with older transactions open for longer, every second one is dropped.
MAX_MARKS = 1_000
_MINT = object()
_OLDEST = max(Band, key=BAND_MIN_AGES.__getitem__)

GATE_AGE = Gauge("gate_age_seconds", "Age of this process's view of clearances")
GATE_ITEMS = Gauge("gate_items", "Items whose clearance this process holds")
REVOCATION_SECONDS = Histogram(
    "revocation_seconds",
    "From a revoking change to the gate that follows it",
    buckets=(0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0),
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom an answer is for. Whatever is not a known band is the youngest; whatever is not an ISO code is nowhere."""

    band: Band = Band.UNDER_13
    region: str = ""

    @property
    def age(self) -> int:
        """The age in years that the viewer surely has."""
        return BAND_MIN_AGES[self.band] if isinstance(self.band, Band) else 0

    @property
    def territory(self) -> int:
        """The viewer's column in the table of blocked territories."""
        return territory_index(self.region)


@dataclass(frozen=True, slots=True)
class Cleared:
    """Proof that the gate admitted an item for a viewer; what the feed serialises. Only the gate makes one."""

    item_id: int
    external_id: str
    decision_key: UUID
    policy_version: int
    revision: int
    valid_until: datetime
    min_age: int
    mint: InitVar[object] = None
    _seal: object = field(init=False, repr=False, compare=False)

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            raise TypeError("Only the gate makes Cleared tokens.")
        object.__setattr__(self, "_seal", mint)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Cleared has no subclasses.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Cleared token does not leave its process: ask the gate again.")


def require_cleared(token: object) -> Cleared:
    """Return the token where it is a genuine one.

    Raises:
        TypeError: it is anything else, or was made without the gate.
    """
    if type(token) is not Cleared or getattr(token, "_seal", None) is not _MINT:
        raise TypeError(f"Only what the gate cleared can be served, not {type(token).__name__}.")
    return token


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's answer to a slate, each part in the order asked.

    Why: stale, history, unknown, not_granted, expired, age, territory.
    """

    cleared: list[Cleared]
    denied: list[tuple[int, str]]
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom an item is: for nobody and `why_nobody`, for everybody, or for some; `example_viewer` is one of them, an adult."""

    why_nobody: str
    is_everybody: bool
    example_viewer: Viewer


@dataclass(frozen=True, slots=True)
class Eligible:
    """Everything one kind of viewer may see: item ids ascending, and the same as a mask over ids. Read-only."""

    ids: Ids
    mask: Mask
    is_stale: bool = False
    #: Whose ids these are: in another history the same number is another item.
    history: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """All items with a permission for anybody: ids ascending, the revision of each, and the history that they are of."""

    ids: Ids
    revisions: Ids
    history: str


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """A part of one history's stream. Rows above `next` may come again; none at or below it can still appear."""

    rows: list[Revocation]
    next: int
    is_more: bool
    history: str


class HistoryGone(ModerationError):
    """What a client has read of the stream is not of the history that the database has now."""


@dataclass(frozen=True, slots=True)
class _Cached:
    version: int
    expires_at: float
    eligible: Eligible


class Gate:
    """A process's view of all clearances, and the answers that follow from it.

    Concurrency: one thread refreshes; any number ask. A lock makes each answer one view, never half of a change.
    """

    def __init__(
        self,
        *,
        source: ClearanceSource | None = None,
        clock: Callable[[], float] | None = None,
        max_age_seconds: float | None = None,
    ) -> None:
        self._source = source or ClearanceSource()
        self._clock = clock or _boot_clock
        self._max_age = settings.GATE_MAX_AGE_MS / 1000 if max_age_seconds is None else max_age_seconds
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._has_view = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._columns = Columns()
        self._version = 0
        self._cache: dict[tuple[int, int], _Cached] = {}
        self._fresh_at = -np.inf
        self._history: History | None = None
        self._n_dropped = 0
        self._xmin: int | None = None
        self._marks: deque[Mark] = deque()
        self._drawn = -1
        self._settled = 0

    # --- asking ---------------------------------------------------------------------------------------------------

    def age_seconds(self) -> float:
        """Return how old the view is; infinity before the first one."""
        return float(self._clock() - self._fresh_at)

    @property
    def is_stale(self) -> bool:
        """True where the view is too old to admit anything."""
        return not self.age_seconds() <= self._max_age

    @property
    def n_items(self) -> int:
        """How many items the view holds, granted or not."""
        return self._columns.n_held

    @property
    def history(self) -> str:
        """The history that the view is of; empty before the first one."""
        return self._history.id if self._history else ""

    def admit(self, item_ids: Iterable[int], viewer: Viewer, now: datetime, *, history: str | None = None) -> Admission:
        """Return a token for each item that this viewer may be shown at `now`, and for every other one why not.

        Args:
            history: that the ids were chosen in; None where they were read just now.
        """
        at = now.timestamp()
        cleared: list[Cleared] = []
        denied: list[tuple[int, str]] = []
        with self._lock:
            is_stale = self.is_stale
            general = "stale" if is_stale else "history" if history not in {None, self.history} else ""
            for item_id in item_ids:
                why = general or self._why_not(item_id, viewer, at)
                if why:
                    denied.append((item_id, why))
                else:
                    cleared.append(self._token(item_id))
        return Admission(cleared, denied, is_stale)

    def eligible(self, viewer: Viewer, now: datetime) -> Eligible:
        """Return all that this viewer may see. Computed once per kind of viewer until something changes or expires."""
        key, at = (viewer.age, viewer.territory), now.timestamp()
        with self._lock:
            if self.is_stale:
                return _NOTHING
            cached = self._cache.get(key)
            if cached is None or cached.version != self._version or at >= cached.expires_at:
                mask = self._columns.eligible(age=viewer.age, territory=viewer.territory, now=at)
                cached = _Cached(self._version, self._columns.next_expiry(mask), _eligible(mask, self.history))
                self._cache[key] = cached
            return cached.eligible

    @property
    def version(self) -> int:
        """A number that changes whenever the view does."""
        return self._version

    def list_granted(self) -> Granted:
        """Return all items with a permission for anybody."""
        with self._lock:
            ids = np.flatnonzero(self._columns.is_granted)
            return Granted(ids, self._columns.revision[ids], self.history)

    def why_not(self, item_id: int, viewer: Viewer, now: datetime) -> str:
        """Return why this viewer may not be shown an item, or the empty string where they may."""
        with self._lock:
            return "stale" if self.is_stale else self._why_not(item_id, viewer, now.timestamp())

    def audience(self, item_id: int, now: datetime) -> Audience:
        """Return for whom an item is, whoever asks: what may be told without telling anything of a viewer."""
        with self._lock:
            why = "stale" if self.is_stale else self._columns.why_nobody(item_id, now=now.timestamp())
            places = [] if why else self._columns.places_of(item_id)
            if not places:
                return Audience(why or "nowhere", is_everybody=False, example_viewer=Viewer())
            return Audience("", self._columns.is_for_all(item_id), Viewer(_OLDEST, places[0]))

    def revocations(self, since: int, history: str = "") -> RevocationPage:
        """Return what was revoked or narrowed above revision `since`, and from where to ask next.

        `next` is a revision at or below which no row can still appear, however late its transaction commits: with
        `revision > last seen`, a slow transaction's rows would be skipped. Until those before it have ended, rows
        above `next` are sent early, and again with the next page. While the gate has not seen yet that the database is
        another history, `next` stays where it is.

        Args:
            history: the one that `since` comes from; empty only with `since` 0, by who has read nothing yet.

        Raises:
            HistoryGone: that is another one than the database's, or the stream is not so far yet.
            HistoryUnknown, django.db.Error: the database does not say.
        """
        until = since + STREAM_SPAN
        with self._lock:  # before the rows: what is settled is among them
            settled, followed = self._settled, self.history
        now, rows = revocations_between(since, until)
        if (since or history) and history != now.id:
            raise HistoryGone("This is not the history that the database has now.")
        if since > now.drawn:
            raise HistoryGone("The stream is not so far yet: the database went back.")
        settled = settled if followed == now.id else 0
        return RevocationPage(rows, max(since, min(settled, until)), settled > until, now.id)

    def _why_not(self, item_id: int, viewer: Viewer, at: float) -> str:
        return self._columns.why_not(item_id, age=viewer.age, territory=viewer.territory, now=at)

    def _token(self, item_id: int) -> Cleared:
        columns = self._columns
        return Cleared(
            item_id=item_id,
            external_id=columns.external_id[item_id],
            decision_key=UUID(bytes=columns.decision_key[item_id].tobytes()),
            policy_version=int(columns.policy_version[item_id]),
            revision=int(columns.revision[item_id]),
            valid_until=datetime.fromtimestamp(float(columns.valid_until[item_id]), UTC),
            min_age=int(columns.min_age[item_id]),
            mint=_MINT,
        )

    # --- following ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the database once. A failure leaves the view as it was, and ageing; but for one of another history.

        1. over the same connection read what changed; over a new one, everything,
        2. another history: drop the view at once, so that nothing is admitted, and load the other one whole.

        Raises:
            psycopg.Error: the database is away or slow.
            HistoryUnknown: it does not say which history it is.
        """
        with self._refreshing:
            began = self._clock()  # before the snapshot: what commits later may be missing from it
            if self._source.ensure():
                self._reconnect(self._source.history())
            n_dropped, mark = self._n_dropped, self._source.mark(self._drawn)
            if self._xmin is None or not self._follow():
                self._load()
            if n_dropped == self._n_dropped:  # or nobody knows of which history the mark is
                self._settle(mark)
            self._fresh_at = began
        self._has_view.set()

    def _reconnect(self, history: History) -> None:
        """Have everything read again over a new connection: while there was none, anything can have happened."""
        self._xmin = None
        if self._is_other(history):
            self._drop(history)

    def _follow(self) -> bool:
        """Apply what changed; return False where only a full load will do."""
        last = self._xmin or 0
        poll = self._source.changes(last)
        if self._is_other(poll.history) or poll.xmin < last:
            self._drop(poll.history)
            return False
        with self._lock:
            self._history = poll.history
            is_newer = self._columns.apply(poll.rows)
            self._version += bool(is_newer.any())
        for row in (poll.rows[i] for i in np.flatnonzero(is_newer)):
            if not row.is_granted:
                REVOCATION_SECONDS.observe(max(0.0, row.lag))
        self._xmin = poll.xmin
        return True

    def _load(self) -> None:
        """Build the view anew beside the old one, then put it in place."""
        columns = Columns()
        with self._source.load() as (history, xmin, chunks):
            if self._is_other(history):
                raise HistoryUnknown("The database was restored while it was read.")
            for rows in chunks:
                columns.apply(rows)
        with self._lock:
            self._columns, self._version, self._history = columns, self._version + 1, history
            self._cache.clear()
        self._xmin = xmin
        log.info("gate_loaded", n_items=columns.n_held, history=history.id)

    def _is_other(self, history: History) -> bool:
        return self._history is not None and history.after(self._history) is Continuity.OTHER

    def _drop(self, history: History) -> None:
        """Forget the view: from now on nothing is admitted until another one is loaded.

        Where only counters show that the database went back, it gets a new key, which tells every process and client.
        """
        with self._lock:
            before, self._history = self._history, None
            self._columns, self._version = Columns(), self._version + 1
            self._cache.clear()
            self._fresh_at = -np.inf
            self._marks.clear()
            self._drawn, self._settled, self._xmin = -1, 0, None
            self._n_dropped += 1
        other_history_seen()
        log.warning("gate_other_history", before=before.id if before else "", now=history.id)
        if before and history.signs == before.signs and history.went_back(before):
            self._source.renew(history)

    def _settle(self, mark: Mark | None) -> None:
        if mark:
            self._marks.append(mark)
            self._drawn = mark.last_revision
        while self._marks and self._marks[0].before_xid <= (self._xmin or 0):
            self._settled = self._marks.popleft().last_revision
        if len(self._marks) > MAX_MARKS:
            self._marks = deque(list(self._marks)[1::2])

    # --- its thread -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow in a thread of this process."""
        GATE_AGE.set_function(self.age_seconds)
        GATE_ITEMS.set_function(lambda: self.n_items)
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._source.close()

    def wait_for_view(self, seconds: float) -> bool:
        """Wait until there is a first view; return whether there is one."""
        return self._has_view.wait(seconds)

    def _run(self) -> None:
        try:
            self._refresh_until_stopped()
        finally:
            self._source.close()  # here: a connection that was being made while `stop` gave up waiting is closed as well

    def _refresh_until_stopped(self) -> None:
        is_failing = False
        while not self._stopping.is_set():
            try:
                self.refresh()
            except Exception as error:  # whatever went wrong, the answer is the same: no refresh, try again
                self._source.close()
                if not is_failing:
                    log.error("gate_cannot_refresh", error=type(error).__name__, detail=str(error)[:200])
                is_failing = True
            else:
                if is_failing:
                    log.info("gate_refreshes_again")
                is_failing = False
            self._stopping.wait(settings.GATE_POLL_MS / 1000)


def _eligible(mask: Mask, history: str) -> Eligible:
    ids = np.flatnonzero(mask)
    mask.flags.writeable = ids.flags.writeable = False
    return Eligible(ids, mask, history=history)


_NOTHING = Eligible(np.zeros(0, np.int64), np.zeros(0, np.bool_), is_stale=True)


def _boot_clock() -> float:
    """Return seconds that also pass while the machine sleeps, unlike `time.monotonic`, where the system has them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _start_gate() -> Gate:
    gate = Gate()
    gate.start()
    gate.wait_for_view(FIRST_VIEW_SECONDS)
    return gate


#: This process's gate, started on first use; a forked child makes its own and never shares a connection.
_HELD: PerProcess[Gate] = PerProcess(_start_gate)
current = _HELD.get
#: Puts another gate in place, stopping the one before it; None leaves the next use to start one. For tests and benchmarks.
replace_current = _HELD.replace
