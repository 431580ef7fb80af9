"""What can be wrong with a policy."""


class PolicyError(ValueError):
    """A policy that contradicts itself, or a step its life does not allow. `field` names the place."""

    def __init__(self, field: str, message: str) -> None:
        """Keep the place and the sentence apart, so that a form can show one beside the other."""
        field, message = _shorten(field, 200), _shorten(message, 600)
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def _shorten(text: str, length: int) -> str:
    """Cut what may hold names that somebody else chose: a message is read by a person, whatever was sent."""
    return text if len(text) <= length else f"{text[:length]}..."


class DraftConflict(PolicyError):
    """Somebody else changed the same part of a draft since it was read."""


class PolicyUnavailable(RuntimeError):
    """No version decides, or none can be read. Callers fail closed: nothing is cleared."""
