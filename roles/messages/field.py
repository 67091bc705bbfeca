"""The model field of a message, and messages within other JSON."""

from typing import Any, cast

from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import IContains
from django.db.models.query_utils import DeferredAttribute
from django.utils.functional import Promise

from roles.messages.message import EMPTY, Message

IN_JSON = "said"  # names a message within other JSON


class _Attribute(DeferredAttribute):
    """Takes whatever is said, gives a Message."""

    field: "MessageField"

    def __set__(self, instance: models.Model, value: Any) -> None:
        is_expression = hasattr(value, "resolve_expression")
        instance.__dict__[self.field.attname] = value if is_expression else self.field.cut(Message.of(value))


class _WithOlder(Col):
    """The column of a message; for a row that has none, the text that an older version wrote beside it."""

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, params = super().as_sql(compiler, connection)
        older_name = cast(MessageField, self.target).older
        older = ".".join(compiler.quote_name_unless_alias(name) for name in (self.alias, older_name) if name)
        return f"COALESCE({sql}, to_jsonb({older}))", params


class MessageField(models.JSONField):
    """A message, as `roles.messages` makes it; a plain text is kept as it is.

    `older` names the column of text of versions that stored sentences, which stays beside it (`error` beside
    `error_said`): rows without a message show that. `longest` is how many characters are shown. Migrations know it
    as a plain field of JSON.
    """

    descriptor_class = _Attribute
    empty_strings_allowed = True

    def __init__(self, *args: Any, older: str = "", longest: int | None = None, **kwargs: Any) -> None:
        self.older, self.longest = older, longest
        own: dict[str, Any] = {"db_column": f"{older}_said"} if older else {}
        super().__init__(*args, **{"null": True, "blank": True} | own | kwargs)

    def deconstruct(self) -> Any:
        """Look like a plain field."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def cut(self, message: Message) -> Message:
        """Return `message` as this field shows it."""
        return message.cut(self.longest) if self.longest and message else message

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        """Read the older column, too."""
        if not self.older:
            return super().get_col(alias, output_field)
        return _WithOlder(alias, self, output_field or self)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return the message that a row has."""
        return self.cut(Message.from_json(super().from_db_value(value, expression, connection)))

    def to_python(self, value: Any) -> Any:
        """Return a fixture's value as a message."""
        return Message.from_json(value) if isinstance(value, dict) else Message.of(value)

    def get_prep_value(self, value: Any) -> Any:
        """Return what the database keeps."""
        return Message.of(value).as_json()

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Write "nothing is said" as such: without a message the older column would be read."""
        return super().get_db_prep_save(EMPTY if value is None else value, connection)

    def value_to_string(self, obj: models.Model) -> Any:
        """Return what a fixture keeps."""
        return self.value_from_object(obj).as_json()

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Take every message."""


class WithMessages(models.JSONField):
    """JSON that may hold messages, each as {"said": …}, which `out_of_json` reads."""

    def deconstruct(self) -> Any:
        """Look like a plain field."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def get_prep_value(self, value: Any) -> Any:
        """Return what the database keeps."""
        return in_json(super().get_prep_value(value))


@MessageField.register_lookup
class _Contains(IContains):
    """Looks for a text in what is kept: English, and values of parameters."""

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> Any:
        sql, params = compiler.compile(lhs or self.lhs)
        return f"UPPER(({sql})::text)", params

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [value]


def in_json(value: Any) -> Any:
    """Return `value`, JSON with messages or lazy texts in it, as JSON."""
    if isinstance(value, Message | Promise):
        return {IN_JSON: Message.of(value).as_json()}
    if isinstance(value, dict):
        return {name: in_json(one) for name, one in value.items()}
    return [in_json(one) for one in value] if isinstance(value, list | tuple) else value


def masked_in_json(value: Any) -> Any:
    """Return `value` as `in_json` does, for where no value of a person may lie."""
    if isinstance(value, Message | Promise):
        return in_json(Message.of(value).masked())
    if isinstance(value, dict):
        return {name: masked_in_json(one) for name, one in value.items()}
    return [masked_in_json(one) for one in value] if isinstance(value, list | tuple) else value


def is_in_json(kept: Any) -> bool:
    """Whether a message lies at this place of other JSON."""
    return isinstance(kept, dict) and kept.keys() == {IN_JSON}


def out_of_json(kept: Any) -> Message:
    """Return the message that lies at a place of other JSON; a plain text there is of an older version."""
    if isinstance(kept, Message):  # not stored yet
        return kept
    return Message.from_json(kept[IN_JSON] if is_in_json(kept) else kept)


def told(kept: Any) -> Any:
    """Return other JSON with the words of the messages in it."""
    if is_in_json(kept):
        return str(out_of_json(kept))
    if isinstance(kept, dict):
        return {name: told(one) for name, one in kept.items()}
    return [told(one) for one in kept] if isinstance(kept, list) else kept
