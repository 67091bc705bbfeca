"""The contract of connection types: a class declares what it asks for and accepts, and delivers.

Screens, limits, eligibility and help come from the declaration. A new type is one folder with a destination.py that
declares a subclass of FileDestination or AudienceDestination, or a class that another package's entry point
`waybill.destinations` names.
"""

from connections.destinations.base.audiences import AudienceDestination
from connections.destinations.base.destination import Destination, HelpSection, Limits, TargetField, Unit
from connections.destinations.base.errors import CheckStep, DeliveryError, Finding, Text, run_steps
from connections.destinations.base.files import (
    DeliveredFile,
    FileDestination,
    FileExportForm,
    FileSession,
    Part,
)
from connections.destinations.base.forms import Question, SettingsForm
from connections.destinations.base.widgets import SecretInput, SecretTextarea

__all__ = [
    "AudienceDestination",
    "CheckStep",
    "DeliveredFile",
    "DeliveryError",
    "Destination",
    "FileDestination",
    "FileExportForm",
    "FileSession",
    "Finding",
    "HelpSection",
    "Limits",
    "Part",
    "Question",
    "SecretInput",
    "SecretTextarea",
    "SettingsForm",
    "TargetField",
    "Text",
    "Unit",
    "run_steps",
]
