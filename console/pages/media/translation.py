"""The words of an upload in the reader's language: by a service that a setting names. None is shipped; without one there is the
original, and its language is named.
"""

from collections.abc import Callable
from uuid import UUID

import structlog
from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_GET

from console.access import EXPLORE, REVIEW, item_media_visible, pace, requires
from console.http import HtmxRequest, render_page
from moderation.items.visibility import item_hides_media

log = structlog.get_logger(__name__)

#: Takes a text and its language (BCP 47, "und" where unknown); returns it in the reader's.
Translate = Callable[[str, str], str]


def translator() -> Translate | None:
    """Return the service that `TRANSLATION_SERVICE` names; None where it names none.

    Raises:
        ImportError: it names nothing that there is.
    """
    path: str = settings.TRANSLATION_SERVICE
    return import_string(path) if path else None


@require_GET
@requires(EXPLORE, REVIEW)
@pace("item_translation", 60)
def item_translation(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show the caption of an item as the service translates it. What is restricted is never sent to it."""
    item, translate = item_media_visible(request.user, key), translator()
    if translate is None or item_hides_media(item) or not item.caption:
        raise Http404
    try:
        text = translate(item.caption, item.language)
    except Exception:  # a stranger's code, over a network: whatever fails, the original is there
        log.exception("translation_failed", item=str(item.key))
        text = ""
    return render_page(request, "items/translation.html", {"item": item, "translation": text}, fragment="translation")
