"""Which resource each deep detector runs on. Settings decide; the queues of Celery are named after the resources."""

from django.conf import settings

IO, CPU, GPU = "io", "cpu", "gpu"
RESOURCES = (IO, CPU, GPU)
#: Runs again over history wait in a queue of their own, which is read last.
RERUN_QUEUE = "deep.rerun"
#: The queues of live work, in the order in which one worker for all reads them.
LIVE_QUEUES = tuple(f"deep.{resource}" for resource in RESOURCES)
QUEUES = (*LIVE_QUEUES, RERUN_QUEUE)
#: A clip's first task fetches the file and takes it apart.
FIRST_QUEUE = "deep.io"


def place_of(detector: str) -> str:
    """Return the resource that a detector runs on: `io`, `cpu` or `gpu`; one that no setting names runs on `cpu`."""
    place: str = settings.DEEP_PLACES.get(detector, CPU)
    return place


def queue_of(detector: str) -> str:
    """Return the queue in which a detector's tasks wait."""
    return f"deep.{place_of(detector)}"


def runs_here(detector: str) -> bool:
    """Return whether this worker has what a detector needs, so that a clip on its bench need not travel."""
    return place_of(detector) in settings.DEEP_HERE
