"""The caption of the campaigns that pages show."""

from __future__ import annotations

CAPTION = "Everybody come to the old harbour tonight and bring your friends along, tell nobody else"
