"""Pages of Django admin on which staff read everything listed and nobody changes anything."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

FILTERED_BY = ("", "__exact", "__id__exact", "__isnull", "__gte", "__lt")  # what the filters' links hold


def is_staff(request: HttpRequest) -> bool:
    """Whether a member of the support staff makes the request; their rights depend on nothing else."""
    return request.user.is_active and request.user.is_staff


class Reading:
    """Staff read, nobody changes. Only listed fields are shown, so a new field is hidden until it is listed."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Staff see the page's link."""
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff read."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is removed here."""
        return False


class ReadOnlyAdmin(Reading, admin.ModelAdmin):
    """A model's pages; `fields` (or fieldsets) and `search_fields` are stated by each."""

    list_per_page = 50

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow filters of `list_filter` only: filtering by a hidden field would reveal it letter by letter."""
        offered = [one for one in self.list_filter if isinstance(one, str)]
        return lookup in {f"{one}{ending}" for one in offered for ending in FILTERED_BY}


class ReadOnlyInline(Reading, admin.TabularInline):
    """Rows that belong to the object of a page."""

    extra = 0
    can_delete = False
    show_change_link = False
