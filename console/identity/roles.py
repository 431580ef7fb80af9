"""The roles people have, as Django groups, and what each may do. `manage.py roles_sync` makes the groups so."""

from django.contrib.auth.models import Group, Permission

#: Role -> permissions as "app_label.codename". Admins have all of them.
ROLES: dict[str, tuple[str, ...]] = {
    "reviewer": ("moderation.review_jobs", "moderation.explore_items"),
    "senior": (
        "moderation.review_jobs",
        "moderation.review_restricted",
        "moderation.overturn_decisions",
        "moderation.explore_items",
        "moderation.redrive_deadletters",
        "moderation.view_dashboards",
    ),
    "policy-editor": (
        "policies.edit_versions",
        "moderation.add_emergency_terms",
        "moderation.explore_items",
        "moderation.view_dashboards",
    ),
    "policy-approver": (
        "policies.edit_versions",
        "policies.approve_versions",
        "moderation.add_emergency_terms",
        "moderation.explore_items",
        "moderation.view_dashboards",
    ),
    "analyst": ("moderation.explore_items", "moderation.view_dashboards", "moderation.read_audit"),
    "admin": (
        "moderation.review_jobs",
        "moderation.review_restricted",
        "moderation.overturn_decisions",
        "moderation.explore_items",
        "moderation.redrive_deadletters",
        "moderation.view_dashboards",
        "moderation.read_audit",
        "moderation.manage_banks",
        "moderation.add_emergency_terms",
        "moderation.rerun_detectors",
        "policies.edit_versions",
        "policies.approve_versions",
        "console.manage_keys",
        "console.manage_people",
        "moderation.manage_reporters",
    ),
}


def roles_sync() -> None:
    """Make the groups match ROLES exactly. Safe to repeat.

    Raises:
        Permission.DoesNotExist: ROLES names a permission that no model declares.
    """
    for name, codes in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([_permission(code) for code in codes])


def _permission(code: str) -> Permission:
    app_label, codename = code.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
