"""How this process treats memory: its allocator and its collector."""

import ctypes
import gc

#: glibc's names for what mallopt changes (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES, _HEAP_BYTES = 256 * 2**20, 64 * 2**20


def heap_keep() -> bool:
    """Keep freed memory instead of giving it back to the system at once; return whether the allocator understood.

    Decoding and hashing a cover takes a dozen blocks of a few megabytes. Each would be mapped, faulted in page by page
    and unmapped again: a tenth of the processor time of an upload. Does nothing where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _HEAP_BYTES) and mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES))


def collector_relax() -> None:
    """Collect cyclic garbage seldom, and never look again at what start-up made.

    An upload allocates thousands of objects that are freed by counting; the collector, at its default of every 700, walks the
    hundred thousand of frameworks and models again and again and finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
