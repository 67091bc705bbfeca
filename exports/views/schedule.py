"""Schedule export: when the chosen exports run by themselves."""

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_POST

from exports import actions
from exports.set_up.schedule_form import ScheduleForm
from exports.views.common import Words, chosen_exports, each, report, select_first
from roles.access import EnvironmentRequest, requires
from roles.htmx import render_panel
from roles.permissions import Permission


@requires(Permission.EDIT_EXPORTS)
@require_POST
def schedule(request: EnvironmentRequest) -> HttpResponse:
    """Ask for the schedule of the chosen exports, then set it."""
    if "id" not in request.POST:
        return select_first(request)
    chosen, left_out = chosen_exports(request)
    modes = {export.schedule_mode for export in chosen}
    # Where the exports differ nothing is chosen beforehand.
    now = {"schedule_mode": modes.pop() if len(modes) == 1 else ""}
    form = ScheduleForm(request.POST if "confirmed" in request.POST else None, initial=now)
    if not form.is_valid():
        context = {"exports": chosen, "left_out": left_out, "form": form}
        return render_panel(request, "exports/schedule.html", context, status=422 if form.is_bound else 200)
    mode = form.cleaned_data["schedule_mode"]
    done_to, refused = each(chosen, lambda export: actions.set_schedule(export, mode, by=request.user))
    words = Words(
        _("The schedule of “%(name)s” is saved."),
        ngettext_lazy("The schedule of %d export is saved.", "The schedules of %d exports are saved."),
    )
    return report(request, words.of(done_to), left_out + refused)
