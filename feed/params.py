"""Every number that shapes the feed, with its unit, range and where it comes from."""

from typing import Final

# --- sizes -------------------------------------------------------------------------------------------------------
LIMIT_MAX: Final = 50  # items on a page; docs/api.md
LIMIT_DEFAULT: Final = 20
SOURCE_CANDIDATES: Final = (
    300  # items from one source; about 500 distinct candidates are ranked (ARCHITECTURE section 10)
)
SLATE_SLACK: Final = 10  # items selected beyond the page, in case the gate takes some away on the way out
SHELF_ITEMS: Final = 60  # items on a shelf: one full page after losses
SEEN_MAX: Final = 400  # items that a cursor remembers; 5 bytes each keep it below 3 KB

# --- time --------------------------------------------------------------------------------------------------------
REQUEST_BUDGET_MS: Final = (
    100.0  # a stage that begins later than this skips the ranker; four times the p95 target of section 10
)
INDEX_POLL_SECONDS: Final = 0.25  # how often new clearances are looked for
POPULARITY_POLL_SECONDS: Final = 5.0
SHELF_POLL_SECONDS: Final = 5.0
INDEX_MAX_AGE_SECONDS: Final = 60.0  # an index that was not refreshed for longer is not used: the shelf takes over
DISPLAY_TTL_SECONDS: Final = 300.0  # well inside the validity of a media address
DISPLAY_ENTRIES: Final = 20_000
TRACE_TTL_SECONDS: Final = 3_600
TRACE_RING: Final = 500  # traces each process keeps by itself, for when the cache is away
CURSOR_MAX_AGE_SECONDS: Final = 86_400
FIRST_INDEX_SECONDS: Final = 5.0  # the first request of a process waits this long for the first index

# --- ranking: weights are unitless and relative to one another -------------------------------------------------------
FRESH_HALF_LIFE_HOURS: Final = 36.0  # range 1..720; a clip's interest halves in a day and a half
WEIGHT_FRESH: Final = 1.0  # times 2^(-age / half-life), in (0, 1]
WEIGHT_POPULAR: Final = 0.6  # times log1p(popularity): 10 likes weigh about twice 2 likes
WEIGHT_LANGUAGE: Final = 0.8  # the viewer's language; range 0..2
WEIGHT_REGION: Final = 0.3  # made in the viewer's region; range 0..2
WEIGHT_LIGHT: Final = 0.4  # pictures, texts and short clips, on a slow network only
LIGHT_DURATION_MS: Final = 15_000
WEIGHT_JITTER: Final = 0.05  # a fixed small difference between viewers, so that equal items are not always in one order

# --- diversity ------------------------------------------------------------------------------------------------------
MAX_PER_CREATOR: Final = 2  # items of one creator on a page
CREATOR_SPACING: Final = 3  # items of others between two of one creator, where the candidates allow it

# --- popularity -----------------------------------------------------------------------------------------------------
POPULARITY_WINDOW_HOURS: Final = 96  # older events weigh less than 1/250 at the half-life below
POPULARITY_HALF_LIFE_HOURS: Final = 12.0
POPULAR_PER_REGION: Final = 5_000  # items that the index holds for a region
#: What one viewer's act adds to an item's popularity; each viewer counts once per kind of act.
EVENT_WEIGHTS: Final[dict[str, float]] = {
    "watch": 0.2,
    "finish": 1.0,
    "like": 2.0,
    "share": 3.0,
    "follow": 2.0,
    "skip": -0.3,
    "not_interested": -1.5,
    "report": -3.0,
}

# --- events ---------------------------------------------------------------------------------------------------------
EVENTS_MAX: Final = 500  # in one request; docs/api.md
FUTURE_TOLERANCE_SECONDS: Final = 60  # clocks of phones differ; beyond this a date is in the future
PAST_LIMIT_DAYS: Final = 30  # an event older than this cannot change anything
WATCH_MS_MAX: Final = 86_400_000
