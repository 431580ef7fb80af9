"""Keeping how somebody looks at media: the switches beside the player."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from console.access import EXPLORE, REVIEW, back_to, pace, requires
from console.http import HtmxRequest, redirect_to
from moderation.models.viewing import BLUR_PX, GREY_PERCENT, VOLUME_PERCENT
from moderation.review.viewing import viewing_save as keep
from policies.models import Category


class ViewingForm(forms.Form):
    """The switches and their strength."""

    category = forms.SlugField(required=False, max_length=40)
    is_sharp = forms.BooleanField(required=False)
    is_colour = forms.BooleanField(required=False)
    has_sound = forms.BooleanField(required=False)
    veils_words = forms.BooleanField(required=False)
    blur = forms.IntegerField(min_value=BLUR_PX[0], max_value=BLUR_PX[1])
    grey = forms.IntegerField(min_value=GREY_PERCENT[0], max_value=GREY_PERCENT[1])
    volume = forms.IntegerField(min_value=VOLUME_PERCENT[0], max_value=VOLUME_PERCENT[1])

    def clean_category(self) -> str:
        """Return the slug of a category there is, or none: rows of others would be nobody's."""
        slug: str = self.cleaned_data["category"]
        if slug and not Category.objects.filter(slug=slug).exists():
            raise forms.ValidationError("There is no such category.")
        return slug


@require_POST
@requires(EXPLORE, REVIEW)
@pace("viewing", 120)
def viewing_save(request: HtmxRequest) -> HttpResponse:
    """Keep how somebody looks at media of a category; without a script, go back to where they were."""
    form = ViewingForm(request.POST)
    if not form.is_valid():
        return HttpResponse("That is no way to look at media.", status=422, content_type="text/plain")
    keep(actor=request.user, **form.cleaned_data)
    if request.headers.get("X-Viewing"):
        return HttpResponse(status=204)
    messages.success(request, "Remembered for this category.")
    return redirect_to(request, back_to(request))
