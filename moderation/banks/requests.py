"""Asking for a bank to be switched, and confirming it as the second person. People come through here."""

from datetime import datetime
from typing import IO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.banks.exchange import Imported, bank_import
from moderation.banks.queries import entry_newest
from moderation.banks.radius import bank_radius
from moderation.banks.service import bank_set_ratio
from moderation.exceptions import BankInvalid, WideActInvalid
from moderation.models import HashBank, HashEntry, WideAct
from moderation.models.wide_act import WideKind
from moderation.wide.acts import act_ask, act_confirm, act_lock
from moderation.wide.radius import ListRadius


@transaction.atomic
def bank_ratio_ask(*, actor: User, slug: str, ratio: float, now: datetime) -> HashBank | WideAct:
    """Set which share of a bank is in force; where the bank matches much that is stored, note it for a second person.

    Raises:
        PermissionDenied; BankInvalid: as `bank_set_ratio`.
        ListsUnavailable: the banks are not loaded, so nobody can tell what it would touch.
        WideActInvalid: somebody else asked for it already.
    """
    if not actor.has_perm("moderation.manage_banks"):
        raise PermissionDenied("Only administrators switch banks.")
    bank = HashBank.objects.filter(slug=slug).first()
    if bank is None:
        raise BankInvalid(f"There is no bank {slug!r}.")
    found = bank_radius(bank)
    if found.is_whole and not found.radius.is_wide:
        return bank_set_ratio(actor=actor, slug=slug, ratio=ratio)
    if bank.is_child_safety and ratio < 1.0:
        raise BankInvalid("A child-safety bank is always whole; retire a wrong entry instead.")
    act = {"ratio": ratio, "before": bank.enabled_ratio}
    return act_ask(actor=actor, kind=WideKind.BANK, subject=slug, act=act, radius=found.radius, now=now)


@transaction.atomic
def bank_ratio_confirm(*, actor: User, act_key: str, now: datetime) -> HashBank:
    """Switch a bank as somebody else asked, as the second person.

    Raises:
        PermissionDenied; BankInvalid; ListsUnavailable: as `bank_ratio_ask`.
        WideActInvalid: the actor asked for it, it waits no more, or it reaches further than the asker saw.
    """
    act = act_lock(actor=actor, key=act_key, kinds=(WideKind.BANK,))
    bank = HashBank.objects.filter(slug=act.subject).first()
    if bank is None:
        raise BankInvalid(f"There is no bank {act.subject!r}.")
    act_confirm(actor=actor, act=act, radius=bank_radius(bank).radius, now=now)
    return bank_set_ratio(actor=act.asked_by, slug=act.subject, ratio=act.act["ratio"])


@transaction.atomic
def bank_import_ask(
    *, actor: User, bank: HashBank, lines: IO[str], form: str, max_rows: int
) -> tuple[Imported, ListRadius | None]:
    """Take shared hashes into a bank; return what became of them, and what they match where the bank is in force.

    Where they match so much that a second person is needed nothing is stored: they go into the bank while it is off, and whoever
    confirms that it is switched on confirms them. A child-safety bank is never off, and takes them.

    Raises:
        ExchangeInvalid: as `bank_import`.
        ListsUnavailable: the banks are not loaded, so nobody can tell what they match.
        WideActInvalid: they match that much.
    """
    after = entry_newest(HashEntry.objects.all())
    done = bank_import(actor=actor, bank=bank, lines=lines, form=form, max_rows=max_rows)
    if not done.n_new or bank.is_child_safety or not bank.enabled_ratio:
        return done, None
    found = bank_radius(bank, after=after)
    reach = found.radius.seen_by(actor)
    if reach.n_items >= settings.WIDE_ACT_ITEMS or reach.n_views >= settings.WIDE_ACT_VIEWS:
        raise WideActInvalid(
            f"Nothing was stored. These hashes match {reach.n_items:,} stored items of {reach.n_creators:,} creators, with "
            f"{reach.n_views:,} expected views. Switch the bank off, import them, and switch it on again: a second person confirms that."
        )
    return done, found
