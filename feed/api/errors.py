"""Refusals of the feed's addresses. The console's handler turns them into problem documents."""

from rest_framework.exceptions import APIException


class StreamGone(APIException):
    """What a client has read of the stream of revocations does not go on: the database was restored."""

    status_code = 410
    default_detail = (
        "What you have is of another history than the one that is served now, or you did not say of which. "
        "Drop the whole cache, and read the stream again from since=0 without history."
    )
    default_code = "history-gone"
