"""Which emergency terms are refused because they would match nearly everything, or nothing. Pure."""

import re

from moderation.detection.terms.normalise import normalise

#: Fewer letters than this occur in nearly every text.
MIN_LETTERS = 2
#: Fewer hits than this among the newest captions say nothing about a share.
MIN_HITS = 5
#: Words so common that a term of nothing else would stop the platform, in the languages that uploads mostly have.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about all also am an and any are as at be been but by can could day did do does for from get go going good got had has "
        "have he her here him his how i if in is it its just know like lol love me more my new no not now of ok on one or our out "
        "over people really see she so some than that the their them then there these they this time to today too up us very video "
        "want was we were what when where which who why will with would yes you your "
        "der die das und ich du er sie es wir ihr ein eine ist bin war nicht mit von zu auf im den dem für auch so wie was aber "
        "le la les de des du un une et est je tu il elle on nous vous pas que qui pour dans sur avec plus ce c "
        "el los las y o es no que de en un una por para con su se lo mi te tu yo al del como mas muy "
        "os as e é não em um uma com do da no na para por mais eu você il lo gli di che non per sono het een van ik je niet dat op "
        "и в не на я что с он как это но а по мы ты вы",
    )
)


def form_of(text: str) -> str:
    """Return a term as it is matched: without case, accents, disguises and outer space."""
    return normalise(text).text.strip()


def refusal_of_form(text: str) -> str:
    """Return why a term cannot be used whatever is uploaded, or the empty string."""
    form = form_of(text)
    letters = [char for char in form if char.isalnum()]
    if not letters:
        return "This holds no letter or digit, so it would never match. Write the word as people write it."
    if len(letters) < MIN_LETTERS:
        return "One letter matches nearly everything. Use a longer word or a phrase."
    if all(word in STOP_WORDS for word in form.split()):
        return "These words are in nearly every text. Add the word that makes it harmful."
    return ""


def refusal_of_share(n_hits: int, n_captions: int, max_share: float) -> str:
    """Return why a term hits too much of what is uploaded, or the empty string.

    Args:
        n_hits: of the newest captions, how many hold the term.
        max_share: in (0, 1].
    """
    if n_hits < MIN_HITS or n_hits <= max_share * n_captions:
        return ""
    return (
        f"This matches {n_hits} of the newest {n_captions} captions ({n_hits / n_captions:.0%}); an emergency term may match "
        f"{max_share:.0%}. Use a longer phrase, or write a policy version and simulate it."
    )
