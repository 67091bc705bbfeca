"""When and how data goes: exports, their schedules and runs, the system refresh, alerts."""

from exports.models.alerts import (
    Alert,
    AlertChannel,
    AlertDelivery,
    AlertKind,
    AlertsSeen,
    ChannelKind,
    DeliveryState,
)
from exports.models.audience import AudienceContainer, RateBudget
from exports.models.export import (
    Export,
    ExportKind,
    ExportSegment,
    ExportTable,
    detached_for,
    may_edit,
)
from exports.models.refresh import (
    REFRESHES_UNDER_WAY,
    PartKind,
    PartState,
    RefreshPart,
    RefreshState,
    RefreshTrigger,
    SystemRefresh,
)
from exports.models.run import MOMENT, Level, ReasonCode, Run, RunLine, RunQuerySet, Trigger
from exports.models.schedule import Recurring, RefreshSchedule, Repeat, Schedule, ScheduleMode
from exports.models.units import UNITS, Records

__all__ = [
    "MOMENT",
    "REFRESHES_UNDER_WAY",
    "UNITS",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertKind",
    "AlertsSeen",
    "AudienceContainer",
    "ChannelKind",
    "DeliveryState",
    "Export",
    "ExportKind",
    "ExportSegment",
    "ExportTable",
    "Level",
    "PartKind",
    "PartState",
    "RateBudget",
    "ReasonCode",
    "Records",
    "Recurring",
    "RefreshPart",
    "RefreshSchedule",
    "RefreshState",
    "RefreshTrigger",
    "Repeat",
    "Run",
    "RunLine",
    "RunQuerySet",
    "Schedule",
    "ScheduleMode",
    "SystemRefresh",
    "Trigger",
    "detached_for",
    "may_edit",
]
